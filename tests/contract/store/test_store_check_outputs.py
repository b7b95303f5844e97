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
from tests.contract.store.builders import NOW_MS, batch, change, snapshot

APP_LOG = CheckKey("web-1", "check", 'check="app log"')


def result(output: str, name: str = "app log", state: str = "warning") -> dict[str, Any]:
    return {"name": name, "kind": "log_file", "state": state, "output": output}


def taken(seq: int, *results: Any, wall_ms: int = NOW_MS + 20) -> KeptSnapshot:
    return snapshot(seq, wall_ms=wall_ms, extra=json.dumps({"checks": list(results)}).encode())


def outputs(engine: Engine, *snapshots: KeptSnapshot, key: CheckKey = APP_LOG) -> list[CheckOutput]:
    epoch = fence.claim(engine, "processor-1", NOW_MS)
    moves = [
        change(seq=1, key=key),
        change(Change.WORSENED, seq=2, key=key, severity=State.CRITICAL),
        change(Change.CLOSED, seq=3, key=key, severity=State.OK),
    ]
    number = keep_batch(engine, batch(incidents=moves, snapshots=snapshots), epoch).incident_numbers[key]
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
    "snapshots",
    [
        (),
        (snapshot(1, wall_ms=NOW_MS + 20),),
        (taken(1, "no result", {}),),
        (taken(1, result("of another", "app")),),
        (taken(3, result("of another record")),),
        (snapshot(1, wall_ms=NOW_MS + 20, extra=b'{"checks": 7}'),),
    ],
)
def test_what_is_not_there_is_no_trouble(store_engine: Engine, snapshots: tuple[KeptSnapshot, ...]) -> None:
    assert outputs(store_engine, *snapshots) == []


def test_other_rules_have_none(store_engine: Engine) -> None:
    key = CheckKey("web-1", "disk-full", 'check="app log"')
    assert outputs(store_engine, taken(1, result("x")), key=key) == []
