"""When records are news for certain: the way has been whole, and the processor's canaries say so.

    trouble: a processor starts anew or thaws, records wait --> over --CALM_AFTER_MS--> calm: what comes at once is news

A processor takes a record for history while it does not know how full the queue is. After a trouble its way out is
tried again within 5 s, and what it then sends comes back at once; a standby sends each 10 s. The rest is for a busy
machine.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from faults.evidence import StoredSnapshot

CALM_AFTER_MS = 30_000
WARM_UP_MS = 5_000  # until the first canary of a run has come back
AT_ONCE_MS = 2_000

Span = tuple[int, int]


class Calm:
    """All agents together: where one waits, the way may be broken for all."""

    def __init__(self, snapshots: Sequence[StoredSnapshot], restarts_ms: Iterable[int]) -> None:
        """`restarts_ms` is when processors died, were started, but for the first start, or thawed."""
        first_ms = min((snapshot.received_ms for snapshot in snapshots), default=0)
        spans = [(first_ms, first_ms + WARM_UP_MS), *((at_ms, at_ms + CALM_AFTER_MS) for at_ms in restarts_ms)]
        self._troubles = _joined([*spans, *_waits(snapshots)])
        self._begins = [begin_ms for begin_ms, _ in self._troubles]

    def holds_at(self, now_ms: int) -> bool:
        place = bisect_right(self._begins, now_ms)
        return place == 0 or now_ms > self._troubles[place - 1][1]


def _waits(snapshots: Sequence[StoredSnapshot]) -> Iterable[Span]:
    """Who never sent anything at once tells nothing of the way: somebody plays it with old records."""
    live = {snapshot.key.agent_id for snapshot in snapshots if _age_ms(snapshot) <= AT_ONCE_MS}
    return (
        (snapshot.wall_ms, snapshot.received_ms + CALM_AFTER_MS)
        for snapshot in snapshots
        if _age_ms(snapshot) > AT_ONCE_MS and snapshot.key.agent_id in live
    )


def _age_ms(snapshot: StoredSnapshot) -> int:
    return snapshot.received_ms - snapshot.wall_ms


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Those that overlap as one, in order."""
    joined: list[Span] = []
    for begin_ms, end_ms in sorted(spans):
        if joined and begin_ms <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end_ms)
        else:
            joined.append((begin_ms, end_ms))
    return joined
