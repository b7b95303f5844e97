"""The pages of an incident and of the notices."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from console.quantities import quantity
from health.state import State
from helpdesk_api.access import VIEWER
from helpdesk_api.agent_clock import correction_ms
from helpdesk_api.condition import condition_of
from helpdesk_api.desk import TheDesk
from helpdesk_api.evidence_view import ReadingLine, of_box, of_history, of_outputs
from helpdesk_api.freshness import freshness
from helpdesk_api.incident_views import mutes_of
from helpdesk_api.muting import muting
from helpdesk_api.notice_words import state_of, what_now
from helpdesk_api.pages import page
from helpdesk_api.places import place_href, place_name
from helpdesk_api.routes.incidents import Number, find_incident
from helpdesk_api.words import STATE_WORDS
from store import notices
from store.agents import get_agent
from store.check_outputs import ACTIVE_CHECK
from store.engine import reading
from store.evidence import BEFORE_OPENING_MS, IncidentEvidence, corrections, evidence_of
from store.model import Change, Incident
from store.snapshots import history

ROWS = 100
HISTORY_POINTS = 60
MUTE_CHOICES = ((3_600, "1 hour"), (4 * 3_600, "4 hours"), (86_400, "1 day"), (7 * 86_400, "7 days"))
router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/i/{number}")
def incident_page(number: Number, desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        incident = find_incident(connection, number)
        agent = get_agent(connection, incident.key.agent_id)
        fresh, mutes = freshness(desk, connection), muting(connection, now_ms)
        mute = mutes_of(connection, [incident], mutes).get(number)
        clock_ms = correction_ms(agent) if agent else 0
        sent, found = notices.notices_of(connection, number), evidence_of(connection, incident, clock_ms)
        readings = _readings(connection, incident, found, clock_ms)
    closed = incident.closed_ms is not None
    own = State.OK if closed else incident.severity
    own_word = "Closed" if closed else STATE_WORDS[incident.severity]
    context = {
        "incident": incident,
        "state": State.MUTED if mute else own,
        "word": STATE_WORDS[State.MUTED] if mute else own_word,
        "own_word": own_word if mute else "",
        "mute": mute,
        "muted": mutes.words(mute) if mute else "",
        "mute_choices": MUTE_CHOICES,
        "place": place_name(incident.key.agent_id, incident.host_name, incident.key.subject),
        "href": place_href(incident.key.agent_id, number),
        "no_news": condition_of(agent, None, {}, fresh, now_ms).no_news if agent else None,
        "is_measured": incident.key.rule != ACTIVE_CHECK,  # its numbers stand for states
        "value": quantity(incident.metric, incident.value),
        "value_at_opening": quantity(incident.metric, _opening_value(incident)),
        "limit": quantity(incident.metric, incident.limit),
        "readings": readings,
        "processes": [] if not found.boxes else found.boxes[-1].processes,
        "written": of_outputs(found.outputs),
        "actions": found.actions,
        "notices": [(notice, state_of(notice)) for notice in sent],
        "now_ms": now_ms,
    }
    return page("incident.html", context)


@router.get("/notices")
def notices_page(desk: TheDesk) -> HTMLResponse:
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        counts = notices.counts(connection)
        dead = notices.list_notices(connection, "dead", None, ROWS)
        others = [one for one in notices.list_notices(connection, "all", None, ROWS) if one.dead_ms is None]
    context = {
        "counts": counts,
        "dead": [(notice, what_now(notice)) for notice in dead],
        "others": [(notice, state_of(notice)) for notice in others],
        "channels": desk.channels,
        "now_ms": now_ms,
    }
    return page("notices.html", context)


def _opening_value(incident: Incident) -> float:
    return next((entry.value for entry in incident.timeline if entry.change is Change.OPENED), incident.value)


def _readings(connection: Connection, incident: Incident, found: IncidentEvidence, clock_ms: int) -> list[ReadingLine]:
    """From the agent's newest black box or, without one, the incident's own reading from the stored snapshots, which
    have its own times."""
    if found.boxes:
        return of_box(found.boxes[-1])
    name = f"{incident.metric}{{{incident.key.subject}}}" if incident.key.subject else incident.metric
    for correction in corrections(clock_ms):
        opened_ms = incident.opened_ms - correction
        start_ms, end_ms = opened_ms - BEFORE_OPENING_MS, opened_ms + 1
        kept = history(connection, incident.key.agent_id, [name], start_ms, end_ms, HISTORY_POINTS)
        if kept:
            return of_history(name, kept[name])
    return []
