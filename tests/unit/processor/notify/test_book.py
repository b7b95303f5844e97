"""What the desk knows stays true, and does not grow, when rows go behind its back."""

from sqlalchemy import delete

from health.state import State
from processor.notify.book import Book
from store import fence
from store.engine import transaction
from store.model import Change, CheckKey
from store.response import NoticeKind
from store.tables import incident
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub

OTHER = CheckKey("web-2", "disk", "")
LONGER_THAN_ANY_TRANSACTION = 90


def book_of(hub: Hub) -> Book:
    return hub.desk._book


def drop(hub: Hub, number: int) -> None:
    """As retention does, in a store that would give the numbers of its entries again."""
    with transaction(hub.engine) as connection:
        connection.execute(delete(incident).where(incident.c.number == number))
        connection.exec_driver_sql("DELETE FROM sqlite_sequence")


def test_an_acknowledgement_is_seen_when_newer_entries_were_dropped(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 300})
    number = hub.happen(Change.OPENED)
    gone = hub.happen(Change.OPENED, OTHER)
    hub.pass_seconds(3)
    hub.happen(Change.CLOSED, OTHER)
    hub.pass_seconds(LONGER_THAN_ANY_TRANSACTION)
    drop(hub, gone)
    hub.acknowledge(number)
    hub.pass_seconds(600)
    assert [notice.kind for notice in hub.ops.notices if notice.number == number] == [NoticeKind.PROBLEM]


def test_nothing_is_known_of_what_is_settled(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 10})
    for _ in range(3):
        hub.happen(Change.OPENED)
        hub.pass_seconds(15)
        hub.happen(Change.CLOSED)
        hub.pass_seconds(3)
    book = book_of(hub)
    assert (len(book._facts), len(book._logs), len(book._known), len(book._look_again_ms)) == (0, 0, 0, 0)


def test_what_went_while_another_processor_was_active_is_known_no_more(new_hub: NewHub) -> None:
    hub = new_hub()
    gone, stays = hub.happen(Change.OPENED), hub.happen(Change.OPENED, OTHER)
    hub.pass_seconds(3)
    assert len(book_of(hub)._known) == 2
    drop(hub, gone)
    hub.epoch = fence.claim(hub.engine, "again", hub.now_ms)
    hub.pass_seconds(3)
    assert [known.number for known, _ in book_of(hub)._known.values()] == [stays]


def test_what_flapped_first_escalates_so_long_after_it_was_told_first(new_hub: NewHub) -> None:
    hub = new_hub({"escalate_after_seconds": 300, "escalate_to": ["boss"]}, channels=["ops", "boss"])
    hub.happen(Change.OPENED)
    for _ in range(6):
        hub.happen(Change.FLAPPING)
        hub.pass_seconds(50)
        hub.happen(Change.SETTLED)
        hub.pass_seconds(50)
    assert NoticeKind.PROBLEM not in hub.ops.told
    assert hub.receivers["boss"].told[:1] == [NoticeKind.ESCALATION]


def test_the_worst_that_was_told_while_it_flapped_is_not_forgotten(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    for severity in (State.WARNING, State.CRITICAL, State.WARNING, State.WARNING):
        hub.happen(Change.FLAPPING, severity=severity)
        hub.pass_seconds(5)
        hub.happen(Change.SETTLED, severity=severity)
        hub.pass_seconds(5)
    hub.happen(Change.WORSENED, severity=State.CRITICAL)
    hub.pass_seconds(5)
    assert hub.ops.told == [NoticeKind.FLAPPING] * 4
