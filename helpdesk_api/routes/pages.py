"""The pages: the fleet, a host, an incident, a known problem."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from helpdesk_api.access import VIEWER
from helpdesk_api.condition import sentence_of, silence
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import all_agents, find_agent, open_incidents, worst_by_agent
from helpdesk_api.fleet_page import ROWS, fleet_view
from helpdesk_api.host_page import readings_table, system_table
from helpdesk_api.pages import page
from helpdesk_api.readiness import broker_link, flow_link
from helpdesk_api.routes.incidents import Number, find_incident
from helpdesk_api.routes.problems import find_problem
from helpdesk_api.words import STATE_WORDS, quantity
from store import flow, snapshots
from store.agents import get_agent, system_of
from store.engine import reading
from store.incidents import list_incidents
from store.model import State, agent_state

router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/")
def fleet_page(desk: TheDesk, after: Annotated[str | None, Query(max_length=64)] = None) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        agents = list(all_agents(connection))
        incidents = list(open_incidents(connection))
        last_flow = flow.last_flow(connection)
        view = fleet_view(agents, incidents, now_ms, after, lambda agent: snapshots.latest(connection, agent))
    links = [broker_link(desk), flow_link(last_flow, now_ms)]
    warning = next((link.reason for link in links if not link.ok), None)
    return page("fleet.html", {"fleet": view, "flow_warning": warning, "now_ms": now_ms})
