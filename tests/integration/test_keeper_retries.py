"""What a keeper had in hand when its database or its process went away: asked for again, read again, never dropped."""

from itertools import count

import pytest
from sqlalchemy import Engine

from processor.delivery import Delivery
from processor.keeper import Bearings, Keeper
from store import ingest, quarantine, quarantine_intake
from store.engine import StoreUnavailable, reading, transaction
from store.model import Batch, KeptBatch, Quarantined
from tests.integration.processor_traffic import envelope, stored
from tests.unit.processor.deliveries import RULES, TOKEN, snapshot, wall_ms

keep_batch = ingest.keep_batch
TAGS = count(1)


class Database:
    """The store's door to batches: it can be away, or end the process of whoever knocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trouble: BaseException | None = None
        monkeypatch.setattr(ingest, "keep_batch", self._keep_batch)

    def _keep_batch(self, engine: Engine, batch: Batch, fence_epoch: int) -> KeptBatch:
        if self.trouble is not None:
            raise self.trouble
        return keep_batch(engine, batch, fence_epoch)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(monkeypatch)


def keeper(engine: Engine) -> Keeper:
    bearings = Bearings("here", TOKEN, lambda: wall_ms(9), lambda: 0)
    return Keeper(engine, RULES, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)


def message(seq: int) -> Delivery:
    sent = envelope(snapshot(seq, cpu=1.0))
    return Delivery(tag=next(TAGS), routing_key="web-3", body=sent.body, message_id=sent.message_id)


def ask_for_redrive(engine: Engine, *seqs: int) -> None:
    held = [
        Quarantined(
            received_ms=seq,
            routing_key="web-3",
            message_id=None,
            headers={},
            reason="store-refused",
            detail="",
            body=envelope(snapshot(seq, cpu=1.0)).body,
        )
        for seq in seqs
    ]
    with transaction(engine) as connection:
        quarantine_intake.add(connection, held)
        assert quarantine.request_redrive(connection, "store-refused", 1) == len(seqs)


def quarantined(engine: Engine) -> int:
    with reading(engine) as connection:
        return quarantine.count(connection)


def away(one: Keeper) -> None:
    """A redrive that is taken while the database goes away, and a connection that is given up over it."""
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            one.redrive()
    one.release()


def test_a_redrive_goes_on_when_the_database_is_back(store_engine: Engine, database: Database) -> None:
    one = keeper(store_engine)
    one.keep([message(1)])
    ask_for_redrive(store_engine, 2, 3)
    database.trouble = StoreUnavailable("gone")
    away(one)
    database.trouble = None
    one.keep([message(4)])
    one.redrive()
    assert (stored(store_engine), quarantined(store_engine)) == ([1, 2, 3, 4], 0)


def test_a_redrive_that_one_processor_took_is_asked_of_the_one_that_took_over(
    store_engine: Engine, database: Database
) -> None:
    one, other = keeper(store_engine), keeper(store_engine)
    one.keep([message(1)])
    ask_for_redrive(store_engine, 2, 3)
    database.trouble = StoreUnavailable("gone")
    away(one)
    database.trouble = None
    other.keep([message(4)])
    other.redrive()
    assert stored(store_engine) == [1, 4]
    one.redrive()
    other.redrive()
    assert (stored(store_engine), quarantined(store_engine)) == ([1, 2, 3, 4], 0)


class Killed(BaseException):
    """What a kill looks like from within: nothing after it happens."""


def test_one_death_over_a_message_is_no_proof_and_the_second_is(store_engine: Engine, database: Database) -> None:
    innocent, poison = message(1), message(2)
    for suspect in (innocent, poison, poison):
        database.trouble = Killed()
        with pytest.raises(Killed):
            keeper(store_engine).keep_suspect(suspect)
    database.trouble = None
    last = keeper(store_engine)
    last.keep_suspect(innocent)
    last.keep_suspect(poison)
    assert (stored(store_engine), quarantined(store_engine)) == ([1], 1)


def test_a_process_that_tries_again_accuses_nobody(store_engine: Engine, database: Database) -> None:
    one, suspect = keeper(store_engine), message(1)
    database.trouble = StoreUnavailable("gone")
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            one.keep_suspect(suspect)
    database.trouble = None
    one.keep_suspect(suspect)
    assert (stored(store_engine), quarantined(store_engine)) == ([1], 0)
