"""What agents noted when a check turned bad is found by check and time, whatever else is kept."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from health.state import State
from store import fence
from store.engine import reading
from store.evidence import (
    AFTER_CLOSING_MS,
    BEFORE_OPENING_MS,
    BlackBox,
    IncidentEvidence,
    LocalAction,
    ProcessSeen,
    evidence_of,
)
from store.incidents import get_incident
from store.ingest import keep_batch
from store.model import Change, KeptRecord
from tests.contract.store.builders import KEY, NOW_MS, batch, change, hello

OPENED_MS = NOW_MS + 1
LATER_MS = NOW_MS + 86_400_000
EVIDENCE = {
    "rule": KEY.rule,
    "subject": KEY.subject,
    "state": "critical",
    "names": ["cpu.usage_percent", "load.1m"],
    "samples": [[2.0, 10.0, None], [0.0, 99.0, 1.5]],
    "processes": [{"process_id": 7, "name": "du", "cpu_percent": 98.5, "memory_bytes": 4096}],
}
ACTION = {
    "rule": KEY.rule,
    "subject": KEY.subject,
    "state": "critical",
    "name": "vacuum",
    "attempt": 1,
    "outcome": "failed",
    "exit_code": 3,
    "output": "no such file",
    "duration_seconds": 0.5,
}


def record(seq: int, kind: str, at_ms: int = OPENED_MS, raw: bytes | None = None, **told: Any) -> KeptRecord:
    whole = (EVIDENCE if kind == "evidence" else ACTION) | told
    told_raw = json.dumps(whole).encode() if raw is None else raw
    return hello(seq, kind=kind, wall_ms=at_ms, received_ms=LATER_MS, raw=told_raw)


def evidence(engine: Engine, *records: KeptRecord, closed: bool = False, correction_ms: int = 0) -> IncidentEvidence:
    epoch = fence.claim(engine, "processor-1", NOW_MS)
    changes = [change(), *([change(Change.CLOSED, 60_000, severity=State.OK)] if closed else [])]
    number = keep_batch(engine, batch(incidents=changes, records=records), epoch).incident_numbers[KEY]
    with reading(engine) as connection:
        incident = get_incident(connection, number)
        assert incident is not None
        return evidence_of(connection, incident, correction_ms)


@pytest.mark.parametrize("correction_ms", [3_600_000, -3_600_000])
def test_times_of_a_clock_that_is_off_are_corrected_before_they_are_compared(
    store_engine: Engine, correction_ms: int
) -> None:
    clock_ms, closed_ms = OPENED_MS - correction_ms, NOW_MS + 60_000 - correction_ms
    found = evidence(
        store_engine,
        record(1, "evidence", clock_ms),
        record(2, "evidence", clock_ms - BEFORE_OPENING_MS - 1),
        record(3, "evidence", closed_ms + 1),
        record(4, "action", clock_ms + 5),
        closed=True,
        correction_ms=correction_ms,
    )
    assert [box.at_ms for box in found.boxes] == [OPENED_MS]
    assert [done.at_ms for done in found.actions] == [OPENED_MS + 5]


def test_a_clock_that_went_wrong_since_loses_nothing_and_shows_nothing_of_before(store_engine: Engine) -> None:
    received = [
        replace(record(seq, "evidence", at_ms), received_ms=at_ms)
        for seq, at_ms in ((1, OPENED_MS - 3_600_000), (2, OPENED_MS))
    ]
    found = evidence(store_engine, *received, correction_ms=3_600_000)
    assert [box.at_ms for box in found.boxes] == [OPENED_MS]


def test_evidence_and_actions_are_read_as_they_were_told(store_engine: Engine) -> None:
    found = evidence(store_engine, record(1, "action"), record(2, "evidence", OPENED_MS + 5))
    assert found.boxes == [
        BlackBox(
            at_ms=OPENED_MS + 5,
            state="critical",
            names=("cpu.usage_percent", "load.1m"),
            samples=((2.0, 10.0, None), (0.0, 99.0, 1.5)),
            processes=(ProcessSeen(process_id=7, name="du", cpu_percent=98.5, memory_bytes=4096),),
        )
    ]
    assert found.actions == [
        LocalAction(
            at_ms=OPENED_MS,
            name="vacuum",
            state="critical",
            attempt=1,
            outcome="failed",
            exit_code=3,
            output="no such file",
            duration_seconds=0.5,
        )
    ]


def test_only_what_is_of_the_check_and_its_time_counts(store_engine: Engine) -> None:
    early_ms, closed_ms = OPENED_MS - BEFORE_OPENING_MS, NOW_MS + 60_000
    found = evidence(
        store_engine,
        record(1, "evidence", early_ms),
        record(2, "evidence", early_ms - 1),
        record(3, "evidence", closed_ms),
        record(4, "evidence", closed_ms + 1),
        record(5, "evidence", rule="cpu"),
        record(6, "evidence", subject=""),
        record(7, "hello", raw=json.dumps(EVIDENCE).encode()),
        closed=True,
    )
    assert [box.at_ms for box in found.boxes] == [early_ms, closed_ms]


def test_an_action_that_was_begun_in_time_or_tells_the_end_counts(store_engine: Engine) -> None:
    closed_ms = NOW_MS + 60_000
    found = evidence(
        store_engine,
        record(1, "action", closed_ms + 300_000, name="long", duration_seconds=300.0),
        record(2, "action", closed_ms + 2_000, name="told the end", state="ok"),
        record(3, "action", closed_ms + AFTER_CLOSING_MS + 1_000, name="later", duration_seconds=0.5),
        closed=True,
    )
    assert [done.name for done in found.actions] == ["told the end", "long"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps(EVIDENCE | {"samples": 7}).encode(),
        json.dumps(EVIDENCE | {"samples": [["x", 1, 2]]}).encode(),
        json.dumps(EVIDENCE | {"processes": [{}]}).encode(),
        json.dumps(EVIDENCE | {"processes": [7]}).encode(),
        json.dumps({name: told for name, told in EVIDENCE.items() if name != "state"}).encode(),
    ],
)
def test_what_cannot_be_read_stops_nothing(store_engine: Engine, raw: bytes) -> None:
    found = evidence(store_engine, record(1, "evidence", raw=raw), record(2, "evidence"))
    assert len(found.boxes) == 1


def test_samples_of_another_width_and_numbers_that_are_none_are_left_out(store_engine: Engine) -> None:
    raw = json.dumps(EVIDENCE).replace("99.0", "NaN").replace("[2.0, 10.0, null]", "[2.0, 10.0]").encode()
    [box] = evidence(store_engine, record(1, "evidence", raw=raw)).boxes
    assert box.samples == ((0.0, None, 1.5),)
