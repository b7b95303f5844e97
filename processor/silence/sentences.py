"""What people read about silence. An incident's sentence is kept, so it names times, not how long ago they were."""

from dataclasses import dataclass
from datetime import UTC, datetime

from processor.silence.facts import Facts, Link, Reach
from processor.silence.family import Family
from processor.silence.road import REFUSED, Cause, Trouble
from processor.silence.verdict import CLOSED_AT_ONCE_MS, Verdict, closed_for_good_ms
from rabbitmq.topology import EXCHANGE, QUEUE

DAY_MS = 86_400_000
_SPANS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"))


@dataclass(frozen=True, slots=True)
class Clocks:
    """The same moment by the monotonic and by the wall clock."""

    monotonic_ms: int
    wall_ms: int

    def moment(self, monotonic_ms: int) -> str:
        """A time of the monotonic clock as people read it."""
        return self.told(self.wall_ms - (self.monotonic_ms - monotonic_ms))

    def told(self, wall_ms: int) -> str:
        """The time of day in UTC, with the day when that is not today."""
        at, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (wall_ms, self.wall_ms))
        return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(milliseconds: int) -> str:
    """A length of time in its largest unit: 4 s, 12 min, 3 h, 2 d."""
    for size, unit in _SPANS:
        if milliseconds >= size:
            return f"{milliseconds // size} {unit}"
    return f"{max(0, milliseconds // 1000)} s"


def silence_sentence(verdict: Verdict, facts: Facts, family: Family | None, clocks: Clocks) -> str:
    """Why nothing is heard of an agent, and what is known of it."""
    since = f"No data since {clocks.moment(facts.heard_ms)}"
    if family is not None:
        return f"{since}: {family.sentence}"
    matters = verdict is not Verdict.AGENT_DIED or facts.reach in (Reach.ANSWERS, Reach.SILENT)
    reach = _REACH[facts.reach] if matters else ""
    known = " and ".join(words for words in (_of_its_connection(facts, clocks), reach) if words)
    return f"{since}: {known}: {_meaning(verdict, facts)}"


def heard_sentence(silent_ms: int) -> str:
    return f"its data come again, after {span(silent_ms)} without"


def stopped_sentence(reason: str) -> str:
    return f"its agent was stopped cleanly ({reason})"


def _of_its_connection(facts: Facts, clocks: Clocks) -> str:
    closed_ms = closed_for_good_ms(facts)
    if closed_ms is not None:
        quiet_ms = closed_ms - facts.heard_ms
        quiet = f" after {span(quiet_ms)} of silence" if quiet_ms > facts.interval_ms else ""
        return f"its connection closed at {clocks.moment(closed_ms)} without a goodbye{quiet}"
    return "its connection is still open" if facts.link is Link.OPEN else ""


_REACH = {
    Reach.ANSWERS: "its address answers",
    Reach.SILENT: "its address does not answer",
    Reach.ASKED: "",
    Reach.LOCAL: "it runs on RabbitMQ's own host",
    Reach.SHARED: "several hosts share its address, so nobody knows which of them answers",
    Reach.UNKNOWN: "nobody knows whether its address answers",
}


def _meaning(verdict: Verdict, facts: Facts) -> str:
    if verdict is Verdict.AGENT_DIED:
        return "the agent died" if _is_its_host_known(facts) else "the agent died, or its uplink is down"
    if verdict is Verdict.AGENT_HUNG:
        return "the agent hangs" if facts.link is not Link.UNKNOWN else "the agent hangs or died"
    return "most likely the host or its uplink is down"  # a firewall may drop the question


def _is_its_host_known(facts: Facts) -> bool:
    """Whether the connection ended as a process' end ends it, or the host is there."""
    closed_ms = closed_for_good_ms(facts)
    at_once = closed_ms is not None and closed_ms - facts.heard_ms < CLOSED_AT_ONCE_MS
    return at_once or facts.reach in (Reach.ANSWERS, Reach.LOCAL)


def trouble_sentence(trouble: Trouble, clocks: Clocks) -> str:
    """Why no agent can be judged, and what now."""
    since = clocks.moment(trouble.since_ms)
    match trouble.cause:
        case Cause.BROKER_AWAY:
            told = f"RabbitMQ is not reached since {since}. Agents keep their records meanwhile. Start RabbitMQ"
        case Cause.BROKER_BLOCKED:
            why = f" ({trouble.reason})" if trouble.reason else ""
            told = (
                f"RabbitMQ is in alarm{why} and takes no records since {since}; agents keep them meanwhile. "
                "Free disk or memory on its host"
            )
        case Cause.NOTHING_ROUTES if trouble.reason == REFUSED:
            told = (
                f"RabbitMQ refuses what the processor publishes since {since}: the exchange {EXCHANGE} is gone, or the "
                "permission to write there. Agents keep what is refused meanwhile. Run `python -m rabbitmq setup`"
            )
        case Cause.NOTHING_ROUTES:
            told = (
                f"RabbitMQ returns every record since {since}: the queue {QUEUE} or its binding to {EXCHANGE} is gone. "
                "Agents keep their records meanwhile. Run `python -m rabbitmq setup`"
            )
        case _:
            told = f"The processor is behind: nothing sent after {since} is stored yet; records wait in RabbitMQ"
    return f"{told}. No agent is judged silent until records flow again"


def away_sentence(from_ms: int, clocks: Clocks) -> str:
    """`from_ms` is of the wall clock: it was another process that stored something last."""
    away_ms = clocks.wall_ms - from_ms
    return (
        f"The processor was away from {clocks.told(from_ms)} to {clocks.told(clocks.wall_ms)} ({span(away_ms)}): "
        "records waited, none is lost"
    )


def flowing_sentence(cause: Cause | None) -> str:
    return f"records flow again, all that waited is read{_AFTER[cause] if cause else ''}"


_AFTER = {
    Cause.BROKER_AWAY: "; RabbitMQ is back",
    Cause.BROKER_BLOCKED: "; RabbitMQ's alarm is over",
    Cause.NOTHING_ROUTES: "; the queue takes them",
    Cause.PROCESSOR_BEHIND: "; the processor has caught up",
    Cause.PROCESSOR_AWAY: "; the processor has caught up",
}
