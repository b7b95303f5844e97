"""Hosts that are gone for good: a person asks, the processor, which owns the agents' rows, does it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from store.incidents import list_incidents
from store.model import Incident
from store.response_tables import retirement
from store.tables import agent, incident_event
from store.upsert import insert_new

MOST_CLOSED = 1_000  # of one host, at once

Place = tuple[int, int]
"""The epoch and the seq of a change in an incident's timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Somebody's wish that nothing more is expected of an agent, until it sends again."""

    agent_id: str
    requested_ms: int
    author: str


def request(connection: Connection, wish: Retirement) -> None:
    """Ask the processor to retire an agent that is known. Who asked first stays."""
    agent_no = connection.execute(select(agent.c.agent_no).where(agent.c.agent_id == wish.agent_id)).scalar_one()
    row = {"agent_no": agent_no, "requested_ms": wish.requested_ms, "author": wish.author}
    insert_new(connection, retirement, [row])


def requested(connection: Connection) -> list[Retirement]:
    """What was asked for and is not done yet, in the order of the agents' ids."""
    query = select(agent.c.agent_id, retirement.c.requested_ms, retirement.c.author).join_from(retirement, agent)
    return [Retirement(**row) for row in connection.execute(query.order_by(agent.c.agent_id)).mappings()]


def remove(connection: Connection, agent_ids: Sequence[str]) -> None:
    """These wishes are dealt with."""
    its_numbers = select(agent.c.agent_no).where(agent.c.agent_id.in_(agent_ids))
    connection.execute(delete(retirement).where(retirement.c.agent_no.in_(its_numbers)))


def open_of(connection: Connection, agent_id: str) -> list[tuple[Incident, Place]]:
    """The agent's open incidents, each with the place of the newest change of the processor's."""
    found = list_incidents(connection, "open", agent_id, None, MOST_CLOSED)
    return [(one, _newest_place(connection, one.number)) for one in found]


def _newest_place(connection: Connection, number: int) -> Place:
    event = incident_event.c
    newest = select(event.epoch, event.seq).where(event.number == number).order_by(event.epoch.desc(), event.seq.desc())
    epoch, seq = connection.execute(newest.limit(1)).one()
    return epoch, seq
