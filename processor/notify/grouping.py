"""When news leaves: the first of a group at once, what follows within the window together when it ends. Pure.

    news      a b    c  d                e        all of one pass count as one
    leaves    ab     |  |    cd          e
              |- window ----|- window ---|

So a group speaks once a window at most. What something else may explain in a moment is a group of its own, and its
first news waits for the window, too: that a host fell silent (its neighbours may follow, and then one notice speaks for
all), and whatever stands behind another host.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from processor.findings import AGENT_SILENT
from store.response import Notice


@dataclass(frozen=True, slots=True)
class Group:
    """What leaves together."""

    channel: str
    route: str
    may_be_explained: bool


Leaving = Mapping[Group, int]
"""When each group leaves next, or left last, in steady milliseconds."""


class Timetable:
    """Of one pass; `behind` are the agents that have something before them. Kept in memory: after a start the first
    news leaves at once again, but for what waits in the outbox already."""

    def __init__(self, left: Leaving, waiting: Sequence[Notice], behind: Collection[str], now_ms: int) -> None:
        self._behind = behind
        self._now_ms = now_ms
        self.leaving: dict[Group, int] = {**left, **self._gathered(waiting)}

    def due_ms(self, channel: str, route: str, rule: str, agent_id: str, window_ms: int) -> int:
        """When news of that check leaves by the route."""
        if not window_ms:
            return self._now_ms
        group = self._group(channel, route, rule, agent_id)
        leaves_ms = self.leaving.get(group)
        if group.may_be_explained and (leaves_ms is None or leaves_ms <= self._now_ms):
            leaves_ms = self._now_ms + window_ms
        elif leaves_ms is None:
            leaves_ms = self._now_ms
        elif leaves_ms < self._now_ms:
            leaves_ms = max(self._now_ms, leaves_ms + window_ms)
        self.leaving[group] = leaves_ms
        return leaves_ms

    def _gathered(self, waiting: Sequence[Notice]) -> Leaving:
        """Of what was gathered by whoever was active before."""
        return {
            self._group(notice.channel, *(str(notice.payload.get(key, "")) for key in ("route", "rule", "agent_id"))): (
                notice.due_ms
            )
            for notice in waiting
            if notice.due_ms > self._now_ms and not notice.attempts and notice.leased_until_ms is None
        }

    def _group(self, channel: str, route: str, rule: str, agent_id: str) -> Group:
        return Group(channel, route, rule == AGENT_SILENT.rule or agent_id in self._behind)
