"""What an agent noted when a check turned bad, and what it did about it by its own settings."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from store.check_outputs import CheckOutput, outputs_of
from store.model import Incident
from store.tables import agent, record

BEFORE_OPENING_MS = 5 * 60_000
AFTER_CLOSING_MS = 60_000  # an action may answer to the end
LONGEST_ACTION_MS = 600_000
CLOCK_CHANGE_MS = 5 * 60_000  # a clock that is off may drift, too: more than this was no drift
MOST_RECORDS = 100
MOST_READ = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """A process that used much: per cent of one core, resident bytes."""

    process_id: int
    name: str
    cpu_percent: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackBox:
    """Each of `samples` has the seconds before `at_ms` (falling to 0), then a number for each of `names` or None."""

    at_ms: int
    state: str
    names: Sequence[str]
    samples: Sequence[Sequence[float | None]]
    processes: Sequence[ProcessSeen]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAction:
    """A command of the host's own settings that its agent ran. `exit_code` is None when there was none."""

    at_ms: int
    name: str
    state: str
    attempt: int
    outcome: str
    exit_code: int | None
    output: str
    duration_seconds: float

    @property
    def begun_ms(self) -> float:
        return self.at_ms - self.duration_seconds * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvidence:
    """Oldest first."""

    boxes: Sequence[BlackBox]
    actions: Sequence[LocalAction]
    outputs: Sequence[CheckOutput] = ()


def corrections(correction_ms: int) -> Sequence[int]:
    """What to try in turn: the clock may have been right when the incident opened, and wrong only since."""
    return tuple(dict.fromkeys((correction_ms, 0)))


def evidence_of(connection: Connection, incident: Incident, correction_ms: int = 0) -> IncidentEvidence:
    """Of the incident's check, from five minutes before it opened until it closed; actions that were begun then, or
    that answer to the end. `correction_ms` makes the agent's times the server's, as an incident's are.

    A record whose JSON has not the shape for it is left out: it tells nothing and stops nothing.
    """
    tried = (list(_records(connection, incident, one_ms)) for one_ms in corrections(correction_ms))
    found = next((records for records in tried if records), [])
    closed_ms = math.inf if incident.closed_ms is None else incident.closed_ms
    boxes = [box for kind, at_ms, told in found if kind == "evidence" and (box := _box(at_ms, told))]
    actions = [done for kind, at_ms, told in found if kind == "action" and (done := _action(at_ms, told))]
    return IncidentEvidence(
        boxes=[box for box in boxes if box.at_ms <= closed_ms][:MOST_RECORDS],
        actions=[done for done in actions if done.begun_ms <= closed_ms + AFTER_CLOSING_MS][:MOST_RECORDS],
        outputs=outputs_of(connection, incident),
    )


def _records(
    connection: Connection, incident: Incident, correction_ms: int
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Those of the incident's time, with the server's times."""
    query = (
        select(record.c.kind, record.c.time_ms, record.c.raw)
        .join(agent, agent.c.agent_no == record.c.agent_no)
        .where(agent.c.agent_id == incident.key.agent_id, record.c.kind.in_(("evidence", "action")))
        .where(record.c.time_ms >= incident.opened_ms - BEFORE_OPENING_MS - correction_ms)
        .order_by(record.c.time_ms, record.c.epoch, record.c.seq)
        .limit(MOST_READ)
    )
    if correction_ms > 0:  # no record was received before it was made, but the correction may be of another hour
        query = query.where(record.c.time_ms + correction_ms <= record.c.received_ms + CLOCK_CHANGE_MS)
    if incident.closed_ms is not None:
        latest_ms = incident.closed_ms + AFTER_CLOSING_MS + LONGEST_ACTION_MS
        query = query.where(record.c.time_ms <= latest_ms - correction_ms)
    for kind, time_ms, raw in connection.execute(query):
        told = _json(raw)
        if (told.get("rule"), told.get("subject")) == (incident.key.rule, incident.key.subject):
            yield kind, time_ms + correction_ms, told


def _json(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _box(at_ms: int, told: dict[str, Any]) -> BlackBox | None:
    try:
        names = tuple(str(name) for name in told.get("names", ()))
        rows = [tuple(_number(one) for one in row) for row in told.get("samples", ())]
        processes = tuple(
            ProcessSeen(
                process_id=int(one["process_id"]),
                name=str(one["name"]),
                cpu_percent=_number(one["cpu_percent"]) or 0.0,
                memory_bytes=int(one["memory_bytes"]),
            )
            for one in told.get("processes", ())
        )
        fitting = tuple(row for row in rows if len(row) == len(names) + 1 and row[0] is not None)
        return BlackBox(at_ms=at_ms, state=str(told["state"]), names=names, samples=fitting, processes=processes)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _number(told: Any) -> float | None:
    number = None if told is None else float(told)
    return number if number is not None and math.isfinite(number) else None


def _action(at_ms: int, told: dict[str, Any]) -> LocalAction | None:
    try:
        code = told.get("exit_code")
        return LocalAction(
            at_ms=at_ms,
            name=str(told["name"]),
            state=str(told["state"]),
            attempt=int(told["attempt"]),
            outcome=str(told["outcome"]),
            exit_code=None if code is None else int(code),
            output=str(told.get("output", "")),
            duration_seconds=_number(told.get("duration_seconds")) or 0.0,
        )
    except (KeyError, TypeError, ValueError):
        return None
