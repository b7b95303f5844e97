"""The road that all records take, as the processor's own canaries see it: when it is in doubt, and why. Pure.

steady --no canary back for 25 s, broker away or in alarm, nothing routes--> in doubt: silence timers stand still
in doubt --a canary that was sent after the cause had ended comes back--> steady; the backlog is read, too,
                                                                         because the canary came behind it
"""

from dataclasses import dataclass
from enum import StrEnum

from processor.silence.facts import Flow

DOUBTED_AFTER_MS = 25_000  # two canaries and a half
BEHIND_AFTER_MS = 30_000
TOLD_AFTER_MS = 10_000  # a broker that restarts is back within that
REFUSED = "refused"  # why the way leads nowhere where not even the exchange takes anything; else no queue does


class Cause(StrEnum):
    """Why no agent can be judged."""

    BROKER_AWAY = "broker-away"
    BROKER_BLOCKED = "broker-blocked"
    NOTHING_ROUTES = "nothing-routes"
    PROCESSOR_BEHIND = "processor-behind"
    PROCESSOR_AWAY = "processor-away"


class Way(StrEnum):
    """The processor's own way into the exchange."""

    AWAY = "away"
    BLOCKED = "blocked"
    NOWHERE = "nowhere"  # what is published comes back, because no queue wants it, or is refused
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class WayOut:
    """Since when it is so by the monotonic clock; `reason` is the broker's word for what blocks it, or REFUSED."""

    way: Way
    since_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the road, since when."""

    cause: Cause
    since_ms: int
    reason: str = ""

    def is_told(self, now_ms: int) -> bool:
        """Whether it has lasted long enough for an incident; who is behind has been for long."""
        return self.cause is Cause.PROCESSOR_BEHIND or now_ms - self.since_ms >= TOLD_AFTER_MS


class Road:
    """Looked at each second; `begin` when this processor takes over, since when it has to prove everything anew."""

    def __init__(self) -> None:
        self._unproven_since_ms = 0
        self._steady_since_ms: int | None = None
        self._proven_ms: int | None = None
        self.trouble: Trouble | None = None

    @property
    def flow(self) -> Flow:
        return Flow(self._proven_ms, self._steady_since_ms)

    def begin(self, now_ms: int) -> None:
        self._doubt(now_ms)
        self.trouble = None

    def look(self, out: WayOut, proven_ms: int | None, now_ms: int) -> None:
        """`proven_ms` is when the newest canary of this process that came back was sent."""
        self._proven_ms = proven_ms
        self.trouble = self._find_trouble(out, now_ms)
        if self.trouble is not None or self._lag_ms(now_ms) > DOUBTED_AFTER_MS:
            self._doubt(out.since_ms)
        elif self._steady_since_ms is None and self._is_proven_since(max(out.since_ms, self._unproven_since_ms)):
            self._steady_since_ms = now_ms

    def _find_trouble(self, out: WayOut, now_ms: int) -> Trouble | None:
        if out.way is Way.AWAY:
            return Trouble(Cause.BROKER_AWAY, out.since_ms)
        if out.way is Way.BLOCKED:
            return Trouble(Cause.BROKER_BLOCKED, out.since_ms, out.reason)
        if out.way is Way.NOWHERE:
            return Trouble(Cause.NOTHING_ROUTES, out.since_ms, out.reason)
        waited_from_ms = max(self._unproven_since_ms, out.since_ms, self._proven_ms or 0)
        if now_ms - waited_from_ms > BEHIND_AFTER_MS:
            return Trouble(Cause.PROCESSOR_BEHIND, waited_from_ms)
        return None

    def _is_proven_since(self, since_ms: int) -> bool:
        return self._proven_ms is not None and self._proven_ms >= since_ms

    def _lag_ms(self, now_ms: int) -> int:
        return 0 if self._proven_ms is None else now_ms - self._proven_ms

    def _doubt(self, since_ms: int) -> None:
        self._steady_since_ms = None
        self._unproven_since_ms = max(self._unproven_since_ms, since_ms)
