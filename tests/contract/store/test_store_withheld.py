"""Checks in trouble without an open incident, as the next processor and people find them."""

from dataclasses import replace

from sqlalchemy import Engine

from health.state import State
from store import agents, fence
from store.engine import reading
from store.ingest import keep_batch
from store.model import Change, Check, CheckKey
from store.withheld import withheld_checks
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

BAD = Check(key=KEY, state=State.CRITICAL, since_ms=NOW_MS, value=99.0)
FLAPS = replace(BAD, key=CheckKey("web-2", "load", ""), state=State.OK, flapping_since_ms=NOW_MS)
WELL = replace(BAD, key=CheckKey("web-2", "heat", ""), state=State.OK, history=1)


def withheld(engine: Engine, *agent_ids: str) -> list[CheckKey]:
    with reading(engine) as connection:
        found = withheld_checks(connection, agent_ids or None)
        assert agent_ids or sorted(agents.fleet_state(connection).withheld) == sorted(one.key for one in found)
    return sorted(one.key for one in found)


def test_a_check_is_withheld_while_it_is_in_trouble_and_no_incident_of_it_is_open(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    both = [agent(), agent("web-2")]
    keep_batch(store_engine, batch(agents=both, checks=[BAD, FLAPS, WELL]), epoch)
    assert withheld(store_engine) == [KEY, FLAPS.key]
    assert withheld(store_engine, "web-2") == [FLAPS.key]
    keep_batch(store_engine, batch(incidents=[change(seq=1)]), epoch)
    assert withheld(store_engine) == [FLAPS.key]
    keep_batch(store_engine, batch(incidents=[change(Change.CLOSED, seq=2)]), epoch)
    assert withheld(store_engine) == [KEY, FLAPS.key]
