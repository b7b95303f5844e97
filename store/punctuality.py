"""How punctual agents report: whether each snapshot came when it was due, one interval after the one before."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from store.model import Agent
from store.tables import agent, snapshot

TOLERANCE_MS = 5_000
MOST_READ = 200_000
CLOCK_SLACK_MS = 300_000  # an agent's own time, which finds its snapshots, may differ this much from ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuality:
    """`due` reports were due in the time looked at, `in_time` of them came at most 5 s later than that.

    What came out of turn (a poll, records kept back and sent at once) is in `snapshots` and makes nothing punctual.
    """

    snapshots: int
    due: int
    in_time: int
    longest_pause_ms: int

    @property
    def ratio(self) -> float | None:
        """None when nothing was due."""
        return self.in_time / self.due if self.due else None


def punctuality(connection: Connection, found: Agent, start_ms: int, end_ms: int) -> Punctuality:
    """Of one agent from `start_ms` to before `end_ms`, receipts by the processor's clock."""
    receipts = _receipts(connection, start_ms, end_ms, [found.agent_id]).get(found.agent_id, [])
    return judged(receipts, found.interval_ms, max(start_ms, found.first_seen_ms), end_ms)


def punctualities(
    connection: Connection, agents: Iterable[Agent], start_ms: int, end_ms: int
) -> dict[str, Punctuality]:
    """The same for many, by agent id; where there are too many snapshots to read, of the newest of them."""
    receipts = _receipts(connection, start_ms, end_ms, None)
    read = sum(map(len, receipts.values()))
    if read >= MOST_READ:
        start_ms = min(min(times) for times in receipts.values())
    return {
        one.agent_id: judged(receipts.get(one.agent_id, []), one.interval_ms, max(start_ms, one.first_seen_ms), end_ms)
        for one in agents
    }


def judged(receipts: Collection[int], interval_ms: int, start_ms: int, end_ms: int) -> Punctuality:
    """Pure. `receipts` rise. The first is due an interval and 5 s after the start, which nobody can be blamed for."""
    interval_ms, due, in_time = max(interval_ms, 1), 0, 0
    longest_ms, last_ms = 0, start_ms
    for received_ms in receipts:
        pause_ms = received_ms - last_ms
        if pause_ms <= interval_ms // 2:
            continue
        longest_ms, last_ms = max(longest_ms, pause_ms), received_ms
        punctual = pause_ms <= interval_ms + TOLERANCE_MS
        due += 1 if punctual else max(1, round(pause_ms / interval_ms))
        in_time += punctual
    open_ms = end_ms - last_ms
    if open_ms > interval_ms + TOLERANCE_MS:
        due += open_ms // interval_ms
    return Punctuality(snapshots=len(receipts), due=due, in_time=in_time, longest_pause_ms=max(longest_ms, open_ms))


def _receipts(
    connection: Connection, start_ms: int, end_ms: int, agent_ids: Collection[str] | None
) -> dict[str, list[int]]:
    """Rising, by agent id."""
    query = (
        select(agent.c.agent_id, snapshot.c.received_ms)
        .join(agent, agent.c.agent_no == snapshot.c.agent_no)
        .where(snapshot.c.time_ms >= start_ms - CLOCK_SLACK_MS)
        .where(snapshot.c.received_ms >= start_ms, snapshot.c.received_ms < end_ms)
        .order_by(snapshot.c.received_ms.desc())
        .limit(MOST_READ)
    )
    if agent_ids is not None:
        query = query.where(agent.c.agent_id.in_(agent_ids))
    found: dict[str, list[int]] = {}
    for agent_id, received_ms in connection.execute(query):
        found.setdefault(agent_id, []).append(received_ms)
    return {agent_id: times[::-1] for agent_id, times in found.items()}
