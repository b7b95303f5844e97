"""Wishes to retire hosts: kept until the batch that deals with them, and gone in its transaction."""

import pytest
from sqlalchemy import Engine

from store import fence, retirement
from store.engine import reading, transaction
from store.incident_acts import acknowledge
from store.ingest import keep_batch
from store.model import Change
from store.retirement import Retirement
from tests.contract.store.builders import NOW_MS, agent, batch, change


def ask(engine: Engine, agent_id: str, author: str = "ana", requested_ms: int = NOW_MS) -> Retirement:
    wish = Retirement(agent_id=agent_id, requested_ms=requested_ms, author=author)
    with transaction(engine) as connection:
        retirement.request(connection, wish)
    return wish


def requested(engine: Engine) -> list[Retirement]:
    with reading(engine) as connection:
        return retirement.requested(connection)


def test_a_wish_stays_until_a_batch_deals_with_it(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "test", NOW_MS)
    keep_batch(store_engine, batch(agents=[agent("a"), agent("b")]), epoch)
    wishes = [ask(store_engine, "b"), ask(store_engine, "a")]
    ask(store_engine, "a", "bob", NOW_MS + 9)  # who asked first stays
    assert requested(store_engine) == wishes[::-1]
    with pytest.raises(LookupError):
        keep_batch(store_engine, batch(agents=[], incidents=[change()], retired=["a"]), epoch)
    assert requested(store_engine) == wishes[::-1]
    keep_batch(store_engine, batch(agents=[], retired=["a"]), epoch)
    assert requested(store_engine) == wishes[:1]


def test_open_incidents_come_with_the_place_of_what_the_processor_said_last(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "test", NOW_MS)
    keep_batch(store_engine, batch(incidents=[change(), change(Change.WORSENED, seq=7)]), epoch)
    with transaction(store_engine) as connection:
        acknowledge(connection, 1, "ana", NOW_MS + 9)
    with reading(store_engine) as connection:
        [(incident, place)] = retirement.open_of(connection, "web-1")
        assert (incident.number, place) == (1, (1, 7))
    keep_batch(store_engine, batch(incidents=[change(Change.CLOSED, seq=7)]), epoch)
    with reading(store_engine) as connection:
        assert retirement.open_of(connection, "web-1") == []
