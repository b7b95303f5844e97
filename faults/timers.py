"""The checker's C4 for what no single record shows: silence, and rules that look back or at the whole fleet.

From outside nobody can say when exactly a timer must ring. What can be said is when it must not have rung.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator

from faults.evidence import IncidentStep, Kept
from faults.reference import rules_as_shipped
from faults.witness import Witnessed
from processor.findings import AGENT_SILENT, GROUP_SILENT
from processor.rule import TIMED, Kind
from processor.silence.facts import patience_ms
from processor.silence.family import AT_LEAST

SEEN_WITHIN_MS = 10_000
AT_ONCE_MS = 5_000
MARGIN_MS = 2_000  # from a record's making to its receipt, and for the beat of the watch


def impossible_steps_of_timers(kept: Kept) -> set[IncidentStep]:
    """Openings that cannot be so soon: within the rule's hold time of the first snapshot of all; and those of a fleet
    that is too small, or of which no host was in trouble before."""
    rules = {rule.rule_id: rule for rule in rules_as_shipped() if rule.kind in TIMED}
    first_ms = min((snapshot.received_ms for snapshot in kept.snapshots), default=0)
    agents = {snapshot.key.agent_id for snapshot in kept.snapshots}
    wrong: set[IncidentStep] = set()
    for step in kept.incidents:
        rule = rules.get(step.rule)
        if rule is None or step.change != "opened":
            continue
        is_fleet = rule.kind is Kind.FLEET
        in_trouble = any(other.rule == rule.of and other.at_ms <= step.at_ms for other in kept.incidents)
        is_too_small = is_fleet and (len(agents) < rule.minimum_agents or not in_trouble)
        if is_too_small or step.at_ms - first_ms < rule.patience.hold_ms:
            wrong.add(step)
    return wrong


def endless_silences(kept: Kept) -> set[IncidentStep]:
    """Agents that are called silent although what they sent came at once, for longer than anybody needs to see it."""
    heard_ms: dict[str, int] = defaultdict(int)
    for item in kept.snapshots:
        if item.received_ms - item.wall_ms <= AT_ONCE_MS:
            heard_ms[item.key.agent_id] = max(heard_ms[item.key.agent_id], item.received_ms)
    return {step for step in _silent_in_the_end(kept) if heard_ms[step.agent_id] - step.at_ms > SEEN_WITHIN_MS}


def false_silences(seen: Witnessed, kept: Kept) -> set[IncidentStep]:
    """Agents that were called silent while they spoke.

    The broker had confirmed a record that the agent had made less than its patience before, and the same connection
    brought one that it made afterwards: it lived, its road was whole, and what it had sent was in the queue.
    """
    speech = _Speech(seen)
    intervals_ms = {item.key.agent_id: round(item.extra["interval_seconds"] * 1000) for item in kept.snapshots}
    return {
        step
        for step in _openings(kept, AGENT_SILENT.rule)
        if step.agent_id in intervals_ms
        and speech.goes_on_at(step.at_ms, step.agent_id, patience_ms(intervals_ms[step.agent_id]) - MARGIN_MS)
    }


def families_of_nobody(kept: Kept) -> set[IncidentStep]:
    """Incidents of many agents that fell silent together, at a moment when that many were not silent."""
    return {step for step in _openings(kept, GROUP_SILENT.rule) if len(_silent_at(kept, step.at_ms)) < AT_LEAST}


def endless_families(kept: Kept) -> set[IncidentStep]:
    """Those that are open in the end, when not that many are silent."""
    newest = {(step.agent_id, step.subject): step for step in _in_order(kept, GROUP_SILENT.rule)}
    still_open = {step for step in newest.values() if step.change != "closed"}
    return still_open if len(_silent_in_the_end(kept)) < AT_LEAST else set()


def missed_silences(kept: Kept, dead: Collection[str]) -> set[str]:
    """Agents that were dead for long in the end, while records came through, and are not called silent."""
    return set(dead) - {step.agent_id for step in _silent_in_the_end(kept)}


class _Speech:
    """When each agent's records were made and confirmed, by connection."""

    def __init__(self, seen: Witnessed) -> None:
        self._of: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for confirm in seen.confirms:
            made_ms = seen.made_ms.get(confirm.key)
            if made_ms is not None:
                self._of[confirm.key.agent_id][confirm.connection].append((confirm.at_ms, made_ms))

    def goes_on_at(self, at_ms: int, agent_id: str, within_ms: int) -> bool:
        """Whether on one connection a record made less than `within_ms` before was confirmed, and then a later one."""
        for confirms in self._of[agent_id].values():
            place = bisect_right(confirms, at_ms, key=lambda each: each[0])
            is_fresh = any(at_ms - made_ms < within_ms for _, made_ms in confirms[:place])
            if is_fresh and any(made_ms > at_ms for _, made_ms in confirms[place:]):
                return True
        return False


def _openings(kept: Kept, rule: str) -> Iterator[IncidentStep]:
    """Of what is said of now: what is found out afterwards names no moment."""
    return (step for step in kept.incidents if step.rule == rule and step.change == "opened" and not step.is_late)


def _silent_at(kept: Kept, at_ms: int) -> set[str]:
    opened = {step.agent_id: step for step in _of_silence(kept) if step.at_ms <= at_ms}
    return {agent_id for agent_id, step in opened.items() if step.change != "closed" or step.at_ms == at_ms}


def _silent_in_the_end(kept: Kept) -> list[IncidentStep]:
    """The newest change of each incident that is open."""
    newest = {step.agent_id: step for step in _of_silence(kept)}
    return [step for step in newest.values() if step.change != "closed"]


def _of_silence(kept: Kept) -> list[IncidentStep]:
    return _in_order(kept, AGENT_SILENT.rule)


def _in_order(kept: Kept, rule: str) -> list[IncidentStep]:
    """Oldest first."""
    return sorted((step for step in kept.incidents if step.rule == rule), key=lambda each: each.at_ms)
