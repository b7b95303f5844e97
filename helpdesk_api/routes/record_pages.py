"""The pages of the account and of the quarantine."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.delivery import SPOOL_BYTES
from helpdesk_api.delivery_page import SHOWN_STATES, Reads, delivery_view
from helpdesk_api.delivery_words import MEANINGS, queue_age_seconds, queue_line
from helpdesk_api.desk import TheDesk
from helpdesk_api.pages import page
from helpdesk_api.quarantine_reasons import explanation_of
from helpdesk_api.quarantined_body import shown_body
from helpdesk_api.readiness import flow_warning
from helpdesk_api.routes.quarantine import Cursor, Number, Reason, Sender, find_quarantined, sender_of
from store import delivery, flow, quarantine, snapshots
from store.engine import reading

MOST_AGENTS = 10_000
MAX_PAGE = 10_000
ROWS = 100
MOST_EXPLAINED = 8
router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/delivery")
def delivery_page(
    desk: TheDesk, page_number: Annotated[int, Query(alias="page", ge=1, le=MAX_PAGE)] = 1
) -> HTMLResponse:
    queue, now_ms = desk.sender.queue, desk.now_ms()
    with reading(desk.engine) as connection:
        reads = Reads(
            gaps=lambda agent_id, limit: delivery.gaps(connection, agent_id, None, limit, SHOWN_STATES),
            readings=lambda agent_ids: snapshots.newest_readings(connection, [SPOOL_BYTES], agent_ids),
        )
        view = delivery_view(delivery.sums(connection, None, MOST_AGENTS), page_number, reads)
        last, quarantine_entries = flow.last_flow(connection), quarantine.count(connection)
    context = {
        "view": view,
        "quarantine_entries": quarantine_entries,
        "meanings": MEANINGS,
        "queue_line": queue_line(queue, queue_age_seconds(queue, last, now_ms)),
        "flow_warning": flow_warning(desk, last),
        "now_ms": now_ms,
    }
    return page("delivery.html", context)


@router.get("/quarantine")
def quarantine_page(desk: TheDesk, reason: Reason = None, agent: Sender = None, cursor: Cursor = None) -> HTMLResponse:
    with reading(desk.engine) as connection:
        sender = None if agent is None else sender_of(connection, agent)
        found = quarantine.list_entries(connection, cursor, ROWS + 1, reason=reason, routing_key=sender)
        total, by_reason = quarantine.total(connection), quarantine.count_by_reason(connection)
    chosen = {name: value for name, value in (("reason", reason), ("agent", agent)) if value is not None}
    entries = found[:ROWS]
    context = {
        "total": total,
        "filtered": ", ".join(f"{name} {value}" for name, value in chosen.items()),
        "reasons": [(one, number, explanation_of(one)) for one, number in by_reason.items() if reason in (None, one)][
            :MOST_EXPLAINED
        ],
        "entries": entries,
        "redrive_reason": next((one.reason for one in entries if explanation_of(one.reason).redrivable), None),
        "older": urlencode({**chosen, "cursor": entries[-1].no}) if len(found) > ROWS else "",
    }
    return page("quarantine.html", context)


@router.get("/quarantine/{number}")
def quarantined_page(number: Number, desk: TheDesk) -> HTMLResponse:
    with reading(desk.engine) as connection:
        entry, message = find_quarantined(connection, number)
    context = {
        "number": number,
        "entry": entry,
        "headers": message.headers,
        "explanation": explanation_of(entry.reason),
        "body": shown_body(message.body, entry.size_bytes),
    }
    return page("quarantined.html", context)
