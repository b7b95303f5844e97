"""A commit whose answer was lost: what is decided next stands on what the database has, not on what memory knows."""

from collections.abc import Sequence
from itertools import count

import pytest
from sqlalchemy import Engine

from processor.delivery import Delivery
from processor.keeper import Bearings, Keeper
from rabbitmq.message import Numbering
from store import delivery as delivery_sums
from store import ingest
from store.agents import get_agent
from store.engine import StoreUnavailable, reading
from store.model import Batch, KeptBatch
from tests.unit.processor.deliveries import RULES, TOKEN, canary, delivery, snapshot, wall_ms

keep_batch = ingest.keep_batch


class Hub:
    """A keeper whose clock and whose database's answers the test holds."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms, self.answers_lost, self._tags = wall_ms(1), 0, count(1)
        self._engine = engine
        monkeypatch.setattr(ingest, "keep_batch", self._keep_batch)
        bearings = Bearings("here", TOKEN, lambda: self.now_ms, lambda: 0)
        self.keeper = Keeper(engine, RULES, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)

    def take(self, *deliveries: Delivery) -> None:
        self.keeper.keep(self.tagged(deliveries))

    def tagged(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        named = ("routing_key", "body", "message_id", "content_encoding", "reply_to", "timestamp_seconds")
        return [Delivery(tag=next(self._tags), **{name: getattr(one, name) for name in named}) for one in deliveries]

    def account_closes(self) -> bool:
        with reading(self._engine) as connection:
            total = delivery_sums.sums(connection, None, 0).total
        parts = total.stored + total.quarantined + total.declared + total.in_transit + total.unexplained
        return total.assigned == parts

    def _keep_batch(self, engine: Engine, batch: Batch, fence_epoch: int) -> KeptBatch:
        kept = keep_batch(engine, batch, fence_epoch)
        if self.answers_lost:
            self.answers_lost -= 1
            raise StoreUnavailable("the answer to a commit was lost")
        return kept


def told(seq: int) -> Delivery:
    """A record, with word that the broker confirmed all before it."""
    return delivery(snapshot(seq, cpu=1.0), numbering=Numbering(seq, 1, seq))


def test_an_account_closes_though_a_commit_of_questions_was_not_answered(
    store_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, began_ms = Hub(store_engine, monkeypatch), wall_ms(1)
    hub.take(canary(0), told(1), told(501))
    hub.now_ms = began_ms + 10_000
    hub.keeper.pass_time()  # asks for 2 to 500
    hub.now_ms = began_ms + 28_000
    hub.take(told(2001))
    hub.now_ms, hub.answers_lost = began_ms + 39_000, 1
    with pytest.raises(StoreUnavailable):
        hub.keeper.pass_time()  # asks for the first thousand of 502 to 2000
    hub.now_ms = began_ms + 41_000
    hub.keeper.pass_time()  # asks for 2 to 500 again, so that fewer of the others fit
    assert hub.account_closes()


def test_a_canary_is_believed_after_a_reconnection(store_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(store_engine, monkeypatch)
    hub.take(canary(0), told(1))
    hub.keeper.release()
    hub.now_ms += 5_000
    hub.take(told(2))
    with reading(store_engine) as connection:
        agent = get_agent(connection, "web-3")
    assert agent is not None
    assert agent.last_seen_ms == hub.now_ms
