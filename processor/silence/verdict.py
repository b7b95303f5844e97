"""The verdict on one agent: why it is not heard, or why nothing can be said yet. Pure."""

from enum import StrEnum

from processor.silence.facts import Facts, Link, Reach

RECONNECTS_WITHIN_MS = 1_500  # an agent's first attempt follows within 1 s: what is back by then was never away
RETURNS_WITHIN_MS = 60_000  # the longest that an agent waits between two attempts while the broker is away
CROSSING_MS = 1_000  # a record may arrive so long after the news that its connection closed
CLOSED_AT_ONCE_MS = 12_000  # the broker closes what missed its heartbeats after 14 s at the earliest
LIVELY_INTERVALS = 1.5


class Verdict(StrEnum):
    """Those up to PROBING blame nobody."""

    HEARD = "heard"
    STOPPED_CLEANLY = "stopped-cleanly"
    FLOW_IN_DOUBT = "flow-in-doubt"  # whether records come through at all is not known: timers stand still
    GRACE = "grace"  # they come through again; every agent gets the time to be heard
    MAY_RECONNECT = "may-reconnect"
    UNPROVEN = "unproven"  # what it published may still be on its way
    PROBING = "probing"
    AGENT_DIED = "agent-died"
    AGENT_HUNG = "agent-hung"
    HOST_OR_UPLINK_DOWN = "host-or-uplink-down"


ALERTING = frozenset({Verdict.AGENT_DIED, Verdict.AGENT_HUNG, Verdict.HOST_OR_UPLINK_DOWN})


def verdict(facts: Facts, now_ms: int) -> Verdict:
    """1. Who said goodbye is not silent; who has time left is heard.
    2. Nothing is judged while the flow is in doubt, nor before each agent had its time afterwards.
    3. All that was published before the silence counted must have been read.
    4. Direct evidence decides, the probe where there is none.
    """
    closed_ms = closed_for_good_ms(facts)
    silent_from_ms = facts.heard_ms + facts.patience_ms if closed_ms is None else closed_ms
    if facts.said_goodbye:
        return Verdict.STOPPED_CLEANLY
    if now_ms < silent_from_ms:
        return Verdict.HEARD
    grace_ends_ms = _grace_ends_ms(facts)
    if grace_ends_ms is None:
        return Verdict.FLOW_IN_DOUBT
    if now_ms < grace_ends_ms:
        return Verdict.GRACE
    if closed_ms is not None and now_ms < closed_ms + RECONNECTS_WITHIN_MS:
        return Verdict.MAY_RECONNECT
    if facts.flow.proven_ms is None or facts.flow.proven_ms < max(silent_from_ms, grace_ends_ms):
        return Verdict.UNPROVEN
    return _cause(facts)


def closed_for_good_ms(facts: Facts) -> int | None:
    """When the connection closed, unless records that came later show that there is another one."""
    if facts.link is not Link.CLOSED or facts.closed_ms is None:
        return None
    return facts.closed_ms if facts.heard_ms <= facts.closed_ms + CROSSING_MS else None


def _grace_ends_ms(facts: Facts) -> int | None:
    """Until when the agent may be silent after records flow again; None while they do not.

    One of which neither a record nor a connection was seen since may still wait for its next attempt.
    """
    steady_since_ms = facts.flow.steady_since_ms
    if steady_since_ms is None:
        return None
    is_back = facts.link is Link.OPEN or max(facts.heard_ms, facts.closed_ms or 0) >= steady_since_ms
    return steady_since_ms + facts.patience_ms + (0 if is_back else RETURNS_WITHIN_MS)


def _cause(facts: Facts) -> Verdict:
    closed_ms = closed_for_good_ms(facts)
    quiet_ms = None if closed_ms is None else closed_ms - facts.heard_ms
    if quiet_ms is not None and quiet_ms < CLOSED_AT_ONCE_MS:
        return Verdict.AGENT_DIED
    was_lively = quiet_ms is not None and quiet_ms <= LIVELY_INTERVALS * facts.interval_ms
    match facts.reach:
        case Reach.ASKED:
            return Verdict.PROBING
        case Reach.SILENT:
            return Verdict.HOST_OR_UPLINK_DOWN
        case _ if was_lively:
            return Verdict.AGENT_DIED
        case Reach.ANSWERS | Reach.LOCAL:
            return Verdict.AGENT_HUNG
        case _:
            return Verdict.HOST_OR_UPLINK_DOWN
