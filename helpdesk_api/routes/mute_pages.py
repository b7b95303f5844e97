"""The page of mutes and downtimes."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from helpdesk_api.access import VIEWER
from helpdesk_api.acts import MOST_MUTES
from helpdesk_api.desk import TheDesk
from helpdesk_api.mute_page import ENDED_STAY_MS, mutes_view
from helpdesk_api.pages import page
from store import mutes
from store.agents import host_names
from store.engine import reading

MOST_ENDED = 100
router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/mutes")
def mutes_page(desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        current = mutes.list_mutes(connection, now_ms, None, MOST_MUTES)
        ended = mutes.ended_mutes(connection, now_ms - ENDED_STAY_MS, now_ms, MOST_ENDED)
        names = host_names(connection, {mute.agent_id for mute in (*current, *ended) if mute.agent_id is not None})
    return page("mutes.html", {"mutes": mutes_view((*current, *ended), names, now_ms), "now_ms": now_ms})
