"""The pages: the fleet, a host, a known problem."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from health.state import URGENCY
from helpdesk_api.access import VIEWER
from helpdesk_api.agent_clock import clock_words
from helpdesk_api.condition import SPOOL, condition_of, spool_trouble
from helpdesk_api.delivery_words import short_sentence
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import AgentName, all_agents, find_agent, worst_by_agent
from helpdesk_api.fleet_page import Reads, fleet_view
from helpdesk_api.freshness import freshness
from helpdesk_api.host_page import lacking_table, readings_table, system_table
from helpdesk_api.in_front import in_front
from helpdesk_api.incident_views import mutes_of
from helpdesk_api.muting import muting
from helpdesk_api.pages import page
from helpdesk_api.readiness import flow_warning
from helpdesk_api.routes.problems import find_problem
from helpdesk_api.switched_off import switched_off
from helpdesk_api.words import STATE_WORDS
from knowledge.placeholders import fill_command, fill_step
from store import delivery, flow, notices, snapshots
from store.agents import system_of
from store.engine import reading
from store.incidents import open_incidents, remedies_of, urgent_incidents

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
        mutes, dead_notices = muting(connection, now_ms), notices.counts(connection)["dead"]
        fresh, front = freshness(desk, connection), in_front(connection, mutes)
        view = fleet_view(agents, incidents, errors, fresh, mutes, front, page_number, reads)
        warning = flow_warning(desk, flow.last_flow(connection))
        account = short_sentence(delivery.sums(connection, None, 0).total)
    context = {
        "fleet": view,
        "flow_warning": warning,
        "account": account,
        "dead_notices": dead_notices,
        "now_ms": now_ms,
    }
    return page("fleet.html", context)


@router.get("/h/{agent}")
def host_page(agent: AgentName, desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        mutes = muting(connection, now_ms)
        every_open = mutes.hushed(open_incidents(connection, [found.agent_id]))
        unopened = mutes.hushed(in_front(connection, mutes, [found.agent_id]).unopened())
        incidents = urgent_incidents(connection, found.agent_id, MAX_INCIDENTS)
        muted = {} if mutes.of_host(found) else mutes_of(connection, incidents, mutes)
        snapshot = snapshots.latest(connection, found)
        system = system_of(connection, found.agent_id)
        fresh, warning = freshness(desk, connection), flow_warning(desk, flow.last_flow(connection))
    errors = snapshot.errors if snapshot else {}
    lacking = {**switched_off(found), **errors}
    worst = worst_by_agent([*every_open, *unopened]).get(found.agent_id)
    condition = condition_of(found, worst, errors, fresh, now_ms, mutes.host_words(found))
    silent = condition.no_news is not None
    context = {
        "agent": found,
        "condition": condition,
        "word": STATE_WORDS[condition.state],
        "flow_warning": warning if silent and not condition.excused else None,
        "old": silent,
        "clock": clock_words(found),
        "spool": spool_trouble(errors),
        "incidents": sorted(incidents, key=lambda one: (URGENCY[one.severity], one.number)),
        "muted": {number: mutes.words(mute) for number, mute in muted.items()},
        "words": STATE_WORDS,
        "unopened": unopened,
        "incidents_hidden": max(0, len(every_open) - len(incidents)),
        "lacking": lacking_table({part: why for part, why in lacking.items() if part != SPOOL}),
        "readings": readings_table(snapshot.readings) if snapshot else [],
        "received_ms": snapshot.received_ms if snapshot else now_ms,
        "system": system_table(system) if system else [],
        "now_ms": now_ms,
    }
    return page("host.html", context)


@router.get("/k/{slug}")
def known_problem_page(slug: str, desk: TheDesk) -> HTMLResponse:
    """No host stands behind it: what a host's values would fill has its default, or its name in capitals."""
    problem = find_problem(desk, slug)
    context = {
        "problem": problem,
        "steps": [fill_step(step, {}) for step in problem.steps],
        "verify": fill_command(problem.verify, {}),
    }
    return page("known_problem.html", context)
