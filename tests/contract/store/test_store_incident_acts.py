"""What people do about incidents goes into their lives and disturbs nothing that the processor decides."""

from typing import Any

import pytest
from sqlalchemy import Engine

from health.state import State
from store import fence
from store.engine import reading, transaction
from store.incident_acts import Acted, acknowledge, add_note, unacknowledge
from store.incidents import get_incident, open_incidents
from store.ingest import keep_batch
from store.model import HUB, Change, CheckKey, Incident, IncidentChange
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

HUB_KEY = CheckKey(HUB, "flow", "")


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def keep(engine: Engine, epoch: int, *changes: IncidentChange) -> int:
    agents = [agent(key.agent_id) for key in {one.key for one in changes} if key.agent_id != HUB]
    numbers = keep_batch(engine, batch(agents=agents, incidents=changes), epoch).incident_numbers
    return next(iter(numbers.values()))


def read(engine: Engine, number: int) -> Incident:
    with reading(engine) as connection:
        found = get_incident(connection, number)
    assert found is not None
    return found


def test_who_acknowledges_first_stays(store_engine: Engine, epoch: int) -> None:
    number = keep(store_engine, epoch, change())
    with transaction(store_engine) as connection:
        assert acknowledge(connection, number, "ana", NOW_MS + 10, "on my way\x00") is Acted.DONE
        assert acknowledge(connection, number, "bob", NOW_MS + 11) is Acted.ALREADY
        [found] = open_incidents(connection)
    assert (found.acknowledged_by, found.rule, found.subject) == ("ana", KEY.rule, KEY.subject)
    incident = read(store_engine, number)
    assert (incident.acknowledged_ms, incident.acknowledged_by) == (NOW_MS + 10, "ana")
    last = incident.timeline[-1]
    assert (last.change, last.author, last.at_ms, last.sentence) == (
        Change.ACKNOWLEDGED,
        "ana",
        NOW_MS + 10,
        "on my way\\x00",
    )


def test_it_can_be_taken_back_and_done_again(store_engine: Engine, epoch: int) -> None:
    number = keep(store_engine, epoch, change())
    with transaction(store_engine) as connection:
        assert unacknowledge(connection, number, "ana", NOW_MS) is Acted.ALREADY
        for _ in range(2):
            assert acknowledge(connection, number, "ana", NOW_MS) is Acted.DONE
            assert unacknowledge(connection, number, "bob", NOW_MS) is Acted.DONE
    incident = read(store_engine, number)
    assert (incident.acknowledged_ms, incident.acknowledged_by) == (None, "")
    assert [one.change for one in incident.timeline[1:]] == [Change.ACKNOWLEDGED, Change.UNACKNOWLEDGED] * 2


def test_only_an_open_incident_can_be_acknowledged_and_any_can_be_noted_on(store_engine: Engine, epoch: int) -> None:
    number = keep(store_engine, epoch, change(), change(Change.CLOSED, 2, severity=State.OK))
    with transaction(store_engine) as connection:
        assert acknowledge(connection, number, "ana", NOW_MS) is Acted.CLOSED
        assert unacknowledge(connection, number, "ana", NOW_MS) is Acted.CLOSED
        assert add_note(connection, number, "ana", NOW_MS, "it was the cleaner") is Acted.DONE
        for act in (acknowledge, unacknowledge):
            assert act(connection, number + 1, "ana", NOW_MS) is Acted.UNKNOWN
        assert add_note(connection, number + 1, "ana", NOW_MS, "x") is Acted.UNKNOWN
    assert [one.sentence for one in read(store_engine, number).timeline][-1] == "it was the cleaner"


@pytest.mark.parametrize("key", [KEY, HUB_KEY])  # the hub's own epoch is 0
def test_what_people_do_is_never_taken_for_told_before(store_engine: Engine, epoch: int, key: CheckKey) -> None:
    its: dict[str, Any] = {"key": key, "epoch": 0 if key is HUB_KEY else 1}
    number = keep(store_engine, epoch, change(**its))
    with transaction(store_engine) as connection:
        for place in range(20):  # far more entries than the records that follow have numbers
            add_note(connection, number, "ana", NOW_MS + 10**9, str(place))
        acknowledge(connection, number, "ana", NOW_MS + 10**9)
    assert keep(store_engine, epoch, change(Change.WORSENED, 2, **its, severity=State.CRITICAL)) == number
    assert read(store_engine, number).severity is State.CRITICAL
    assert keep(store_engine, epoch, change(Change.CLOSED, 3, **its, severity=State.OK)) == number
    closed = read(store_engine, number)
    assert closed.closed_ms is not None
    assert closed.acknowledged_by == "ana"
    again = keep(store_engine, epoch, change(Change.OPENED, 4, **its))
    assert again != number
    assert read(store_engine, again).acknowledged_by == ""
