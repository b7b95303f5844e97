"""What active checks wrote when they turned bad: all of it, of which an incident's sentence has the first line."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from store.model import Change, Incident
from store.tables import agent, incident_event, snapshot

ACTIVE_CHECK = "check"  # the rule of all incidents that active checks open
MOST_OUTPUTS = 8
CLOCK_ROUNDING_MS = 1_000
LONGEST_INTERVAL_MS = 300_000  # a result waits for its agent's next snapshot, if its state did not move


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutput:
    """What the check wrote when it ended at `at_ms`."""

    at_ms: int
    state: str
    output: str


def outputs_of(connection: Connection, incident: Incident) -> Sequence[CheckOutput]:
    """When the incident opened and when it worsened, oldest first.

    Empty where no active check opened it, and where the snapshots that told of it are not kept any more.
    """
    return tuple(_found(connection, incident)) if incident.key.rule == ACTIVE_CHECK else ()


def _found(connection: Connection, incident: Incident) -> Iterator[CheckOutput]:
    event = incident_event.c
    moves = (
        select(event.at_ms, event.epoch, event.seq)
        .where(event.number == incident.number, event.change.in_((Change.OPENED, Change.WORSENED)))
        .order_by(event.event_no)
        .limit(MOST_OUTPUTS)
    )
    for at_ms, epoch, seq in connection.execute(moves).all():
        for told in _results(_extra(connection, incident.key.agent_id, at_ms, epoch, seq)):
            if f'check="{told.get("name")}"' == incident.key.subject:
                yield CheckOutput(at_ms=at_ms, state=str(told.get("state")), output=str(told.get("output", "")))


def _extra(connection: Connection, agent_id: str, at_ms: int, epoch: int, seq: int) -> bytes | None:
    """Of the snapshot with that key, which was taken soon after `at_ms`."""
    query = (
        select(snapshot.c.extra)
        .join(agent, agent.c.agent_no == snapshot.c.agent_no)
        .where(
            snapshot.c.time_ms >= at_ms - CLOCK_ROUNDING_MS,
            snapshot.c.time_ms <= at_ms + LONGEST_INTERVAL_MS + CLOCK_ROUNDING_MS,
            agent.c.agent_id == agent_id,
            snapshot.c.epoch == epoch,
            snapshot.c.seq == seq,
        )
        .order_by(snapshot.c.time_ms)
        .limit(1)
    )
    extra: bytes | None = connection.execute(query).scalar()
    return extra


def _results(extra: bytes | None) -> list[dict[str, Any]]:
    results = json.loads(extra).get("checks") if extra else None
    return [told for told in results if isinstance(told, dict)] if isinstance(results, list) else []
