"""What active checks wrote when they turned bad: all of it, of which an incident's sentence has the first line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from store.model import Change, Incident
from store.tables import agent, incident_event, snapshot

ACTIVE_CHECK = "check"  # the rule of all incidents that active checks open
MOST_OUTPUTS = 8
LONGEST_OUTPUT = 4_096  # characters, as many as a record may have
CLOCK_SLACK_MS = 5_000  # a correction is measured anew with each snapshot, and is no more made below 2 s
LONGEST_INTERVAL_MS = 300_000  # a result waits for its agent's next snapshot, if its state did not move


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutput:
    """What the check wrote when it ended at `at_ms`."""

    at_ms: int
    state: str
    output: str


def outputs_of(connection: Connection, incident: Incident) -> Sequence[CheckOutput]:
    """When the incident opened and when it worsened, oldest first: of each up to 4,096 characters of the last run that
    saw the severity it came to.

    Empty where no active check opened it, where the snapshots that told of it are not kept any more, and where the
    agent's clock was set since.
    """
    return tuple(_found(connection, incident)) if incident.key.rule == ACTIVE_CHECK else ()


def _found(connection: Connection, incident: Incident) -> Iterator[CheckOutput]:
    event, its = incident_event.c, agent.c
    sender = select(its.agent_no, its.clock_offset_ms).where(its.agent_id == incident.key.agent_id)
    agent_no, offset_ms = connection.execute(sender).one()
    moves = (
        select(event.at_ms, event.epoch, event.seq, event.severity)
        .where(event.number == incident.number, event.change.in_((Change.OPENED, Change.WORSENED)))
        .order_by(event.event_no)
        .limit(MOST_OUTPUTS)
    )
    for at_ms, epoch, seq, severity in connection.execute(moves).all():
        taken = snapshot.c.agent_no == agent_no, snapshot.c.epoch == epoch, snapshot.c.seq == seq
        told = _last(_results(_extra(connection, taken, at_ms, offset_ms or 0)), incident.key.subject, severity)
        if told is not None:
            yield CheckOutput(at_ms=at_ms, state=severity, output=str(told.get("output", ""))[:LONGEST_OUTPUT])


def _extra(connection: Connection, taken: Sequence[ColumnElement[bool]], at_ms: int, offset_ms: int) -> bytes | None:
    """Of the snapshot `taken`, soon after `at_ms`: that may be corrected by `offset_ms`, a snapshot's time never is."""
    time_ms = snapshot.c.time_ms
    for correction_ms in (offset_ms, 0) if abs(offset_ms) > CLOCK_SLACK_MS else (0,):
        ended_ms = at_ms - correction_ms
        query = (
            select(snapshot.c.extra)
            .where(time_ms.between(ended_ms - CLOCK_SLACK_MS, ended_ms + LONGEST_INTERVAL_MS + CLOCK_SLACK_MS), *taken)
            .order_by(time_ms)
            .limit(1)
        )
        found = connection.execute(query).first()
        if found is not None:
            extra: bytes | None = found.extra
            return extra
    return None


def _last(results: Iterable[dict[str, Any]], subject: str, state: str) -> dict[str, Any] | None:
    told: dict[str, Any] | None = None
    for each in results:
        if f'check="{each.get("name")}"' == subject and each.get("state") == state:
            told = each
    return told


def _results(extra: bytes | None) -> list[dict[str, Any]]:
    results = json.loads(extra).get("checks") if extra else None
    return [told for told in results if isinstance(told, dict)] if isinstance(results, list) else []
