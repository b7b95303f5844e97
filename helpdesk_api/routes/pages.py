"""The pages: the fleet, a host, an incident, a known problem."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from helpdesk_api.access import VIEWER
from helpdesk_api.condition import sentence_of, silence
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import AgentName, all_agents, find_agent, worst_by_agent
from helpdesk_api.fleet_page import Reads, fleet_view
from helpdesk_api.host_page import lacking_table, readings_table, system_table
from helpdesk_api.pages import page
from helpdesk_api.readiness import flow_warning
from helpdesk_api.routes.incidents import Number, find_incident
from helpdesk_api.routes.problems import find_problem
from helpdesk_api.words import STATE_WORDS, quantity
from store import flow, snapshots
from store.agents import get_agent, system_of
from store.engine import reading
from store.incidents import list_incidents, open_incidents, remedies_of
from store.model import State, agent_state

MAX_INCIDENTS = 50
MAX_PAGE = 10_000
router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/")
def fleet_page(desk: TheDesk, page_number: Annotated[int, Query(alias="page", ge=1, le=MAX_PAGE)] = 1) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        agents = list(all_agents(connection))
        reads = Reads(
            latest=lambda agent: snapshots.latest(connection, agent),
            remedies=lambda number: remedies_of(connection, number),
        )
        incidents, errors = open_incidents(connection), snapshots.not_measured(connection)
        view = fleet_view(agents, incidents, errors, now_ms, page_number, reads)
        warning = flow_warning(desk, flow.last_flow(connection))
    return page("fleet.html", {"fleet": view, "flow_warning": warning, "now_ms": now_ms})


@router.get("/h/{agent}")
def host_page(agent: AgentName, desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        every_open = open_incidents(connection, [found.agent_id])
        incidents = list_incidents(connection, "open", found.agent_id, None, MAX_INCIDENTS)
        snapshot = snapshots.latest(connection, found)
        system = system_of(connection, found.agent_id)
        warning = flow_warning(desk, flow.last_flow(connection))
    worst = worst_by_agent(every_open).get(found.agent_id)
    errors = snapshot.errors if snapshot else {}
    silent = silence(found, now_ms) is not None
    state = agent_state(found, worst.severity if worst else None, now_ms)
    context = {
        "agent": found,
        "state": state,
        "word": STATE_WORDS[state],
        "sentence": sentence_of(found, worst, errors, now_ms),
        "flow_warning": warning if silent else None,
        "old": silent,
        "incidents": incidents,
        "incidents_hidden": max(0, len(every_open) - len(incidents)),
        "lacking": lacking_table(errors),
        "readings": readings_table(snapshot.readings) if snapshot else [],
        "received_ms": snapshot.received_ms if snapshot else now_ms,
        "system": system_table(system) if system else [],
        "now_ms": now_ms,
    }
    return page("host.html", context)


@router.get("/i/{number}")
def incident_page(number: Number, desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        incident = find_incident(connection, number)
        agent = get_agent(connection, incident.key.agent_id)
    closed = incident.closed_ms is not None
    context = {
        "incident": incident,
        "state": State.OK if closed else incident.severity,
        "word": "Closed" if closed else STATE_WORDS[incident.severity],
        "host": incident.host_name or incident.key.agent_id,
        "silence": silence(agent, now_ms) if agent else None,
        "value": quantity(incident.metric, incident.value),
        "limit": quantity(incident.metric, incident.limit),
        "now_ms": now_ms,
    }
    return page("incident.html", context)


@router.get("/k/{slug}")
def known_problem_page(slug: str, desk: TheDesk) -> HTMLResponse:
    return page("known_problem.html", {"problem": find_problem(desk, slug)})
