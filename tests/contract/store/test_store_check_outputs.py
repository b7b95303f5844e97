"""What an active check wrote is found again by the record in which it moved its incident."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from health.state import State
from store import fence
from store.check_outputs import CheckOutput, outputs_of
from store.engine import reading
from store.incidents import get_incident
from store.ingest import keep_batch
from store.model import Change, CheckKey, KeptSnapshot
from tests.contract.store.builders import NOW_MS, agent, batch, change, snapshot

APP_LOG = CheckKey("web-1", "check", 'check="app log"')


def result(output: str, name: str = "app log", state: str = "warning") -> dict[str, Any]:
    return {"name": name, "kind": "log_file", "state": state, "output": output}


def taken(seq: int, *results: Any, wall_ms: int = NOW_MS + 20) -> KeptSnapshot:
    return snapshot(seq, wall_ms=wall_ms, extra=json.dumps({"checks": list(results)}).encode())


def outputs(
    engine: Engine, *snapshots: KeptSnapshot, key: CheckKey = APP_LOG, offset_ms: int | None = None
) -> list[CheckOutput]:
    """`offset_ms`: how far the agent's clock is behind by now."""
    agents = [agent(clock_offset_ms=offset_ms)]
    epoch = fence.claim(engine, "processor-1", NOW_MS)
    moves = [
        change(seq=1, key=key),
        change(Change.WORSENED, seq=2, key=key, severity=State.CRITICAL),
        change(Change.CLOSED, seq=3, key=key, severity=State.OK),
    ]
    number = keep_batch(engine, batch(agents=agents, incidents=moves, snapshots=snapshots), epoch).incident_numbers[key]
    with reading(engine) as connection:
        incident = get_incident(connection, number)
        assert incident is not None
        return list(outputs_of(connection, incident))


def test_all_of_it_is_there_of_the_opening_and_of_what_was_worse(store_engine: Engine) -> None:
    found = outputs(
        store_engine,
        taken(1, result("all is well", "disk"), result("1 new line\nERROR sda1")),
        taken(2, result("2 new lines\nERROR sda2\nERROR sda3", state="critical")),
        taken(3, result("no new line", state="ok")),
    )
    assert found == [
        CheckOutput(at_ms=NOW_MS + 1, state="warning", output="1 new line\nERROR sda1"),
        CheckOutput(at_ms=NOW_MS + 2, state="critical", output="2 new lines\nERROR sda2\nERROR sda3"),
    ]


def test_a_result_that_came_with_the_next_snapshot_is_found(store_engine: Engine) -> None:
    late_ms = NOW_MS + 1 + 300_000
    assert [one.output for one in outputs(store_engine, taken(1, result("late"), wall_ms=late_ms))] == ["late"]


@pytest.mark.parametrize(
    ("behind_ms", "offset_ms"),
    [
        (3_000, 3_000),  # the incident's times are corrected, those of snapshots are the agent's own
        (-400_000, -400_000),
        (-400_000, -401_500),  # measured anew since
        (2_400, 1_900),  # was corrected then, would not be now
        (0, -400_000),  # was right then
        (0, None),
    ],
)
def test_an_agent_with_a_wrong_clock_has_its_outputs_too(
    store_engine: Engine, behind_ms: int, offset_ms: int | None
) -> None:
    [found] = outputs(store_engine, taken(1, result("x"), wall_ms=NOW_MS + 20 - behind_ms), offset_ms=offset_ms)
    assert (found.at_ms, found.output) == (NOW_MS + 1, "x")


def test_of_all_runs_in_a_snapshot_the_one_that_moved_the_incident_is_told(store_engine: Engine) -> None:
    runs = [result("well", state="ok"), result("first"), result("second"), result("worse", state="critical")]
    found = outputs(store_engine, taken(1, *runs, result("better", state="ok")), taken(2, *runs))
    assert [(one.state, one.output) for one in found] == [("warning", "second"), ("critical", "worse")]


def test_what_is_told_is_bounded(store_engine: Engine) -> None:
    [found] = outputs(store_engine, taken(1, result("x" * 10_000)))
    assert len(found.output) == 4_096


@pytest.mark.parametrize(
    "snapshots",
    [
        (),
        (snapshot(1, wall_ms=NOW_MS + 20),),
        (taken(1, "no result", {}),),
        (taken(1, result("of another", "app")),),
        (taken(3, result("of another record")),),
        (taken(1, result("well", state="ok"), result("not known", state="unknown")),),
        (snapshot(1, wall_ms=NOW_MS + 20, extra=b'{"checks": 7}'),),
    ],
)
def test_what_is_not_there_is_no_trouble(store_engine: Engine, snapshots: tuple[KeptSnapshot, ...]) -> None:
    assert outputs(store_engine, *snapshots) == []


def test_other_rules_have_none(store_engine: Engine) -> None:
    key = CheckKey("web-1", "disk-full", 'check="app log"')
    assert outputs(store_engine, taken(1, result("x")), key=key) == []
