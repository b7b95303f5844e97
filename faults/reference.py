"""What the incidents should be: every stored snapshot judged once more, one by one, in the order of its number.

A snapshot that came late, or behind a later one, is history and opens nothing; which ones that were cannot be read off
the database. So the exact answer is asked only of agents whose records all went out in their order and came at once; of
the others each change must at least belong to a stored snapshot that shows it.
"""

import itertools
from collections import defaultdict
from dataclasses import replace

import msgspec

from faults.evidence import IncidentStep, Kept, StoredSnapshot
from faults.witness import Witnessed
from processor.findings import AGENT_SILENT
from processor.fold import Circumstances, Folded, fold_results, fold_snapshot
from processor.rule import TIMED, Kind
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from rabbitmq.records import CheckResult
from store.model import STALE_AFTER_INTERVALS, Change, Check, KeptSnapshot, Remedy

AT_ONCE_MS = 5_000
SEEN_WITHIN_MS = 10_000


def expected_steps(seen: Witnessed, kept: Kept) -> tuple[set[IncidentStep], set[str]]:
    """The changes of incidents that belong to the stored snapshots, and the agents of which that can be said."""
    judged = agents_in_order(seen) & agents_at_once(kept)
    rules = RuleSet(load_rules())
    by_agent: dict[str, list[StoredSnapshot]] = defaultdict(list)
    for snapshot in kept.snapshots:
        if snapshot.key.agent_id in judged:
            by_agent[snapshot.key.agent_id].append(snapshot)
    return {step for snapshots in by_agent.values() for step in _steps_of_one(snapshots, rules)}, judged


def impossible_steps(kept: Kept) -> set[IncidentStep]:
    """Changes that no stored snapshot shows: an incident opened by a value below its limit, or closed by one above."""
    rules = {rule.rule_id: rule for rule in load_rules() if rule.kind is Kind.THRESHOLD}
    readings = {snapshot.key: snapshot.readings for snapshot in kept.snapshots}
    wrong: set[IncidentStep] = set()
    for step in kept.incidents:
        rule = rules.get(step.rule)
        if rule is None:
            continue
        values = readings.get(step.key, {})
        value = values.get(f"{rule.metric}{{{step.subject}}}" if step.subject else rule.metric)
        lowest = min(level.limit for level in rule.levels.values())
        if value is None or (value > lowest) != (step.change != "closed"):
            wrong.add(step)
    return wrong


def impossible_steps_of_timers(kept: Kept) -> set[IncidentStep]:
    """Openings that cannot be so soon: within the rule's hold time of the first snapshot of all; and those of a fleet
    that is too small, or of which no host was in trouble before."""
    rules = {rule.rule_id: rule for rule in load_rules() if rule.kind in TIMED}
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
    newest: dict[str, IncidentStep] = {}
    for step in sorted(kept.incidents, key=lambda each: each.at_ms):
        if step.rule == AGENT_SILENT.rule:
            newest[step.agent_id] = step
    heard_ms: dict[str, int] = defaultdict(int)
    for item in kept.snapshots:
        if item.received_ms - item.wall_ms <= AT_ONCE_MS:
            heard_ms[item.key.agent_id] = max(heard_ms[item.key.agent_id], item.received_ms)
    return {
        step
        for agent_id, step in newest.items()
        if step.change != "closed" and heard_ms[agent_id] - step.at_ms > SEEN_WITHIN_MS
    }


def rules_of_timers() -> frozenset[str]:
    """Their incidents belong to no single record."""
    return frozenset(rule.rule_id for rule in load_rules() if rule.kind in TIMED)


def agents_in_order(seen: Witnessed) -> set[str]:
    """Those whose records went out by rising number, each one once or again in its place."""
    agents: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key in seen.published:
        agents[key.agent_id].append((key.epoch, key.seq))
    return {
        agent_id
        for agent_id, numbers in agents.items()
        if all(before <= after for before, after in itertools.pairwise(numbers))
    }


def agents_at_once(kept: Kept) -> set[str]:
    """Those none of whose snapshots waited anywhere; agent and processor have the same clock here."""
    late = {item.key.agent_id for item in kept.snapshots if item.received_ms - item.wall_ms > AT_ONCE_MS}
    return {item.key.agent_id for item in kept.snapshots} - late


def _steps_of_one(snapshots: list[StoredSnapshot], rules: RuleSet) -> set[IncidentStep]:
    checks: dict[tuple[str, str], Check] = {}
    steps: set[IncidentStep] = set()
    before_ms: int | None = None
    for stored in sorted(snapshots, key=lambda item: item.key):
        snapshot = _kept(stored)
        silence_ms = stored.wall_ms - (before_ms if before_ms is not None else stored.wall_ms)
        after_silence = silence_ms > STALE_AFTER_INTERVALS * round(stored.extra["interval_seconds"] * 1000)
        circumstances = Circumstances(stored.extra.get("errors", {}), after_silence)
        steps |= _take(fold_snapshot(snapshot, circumstances, checks, rules, _no_remedies), stored, checks)
        results = msgspec.convert(stored.extra.get("checks", []), list[CheckResult])
        steps |= _take(fold_results(results, snapshot, circumstances, checks, _no_remedies), stored, checks)
        before_ms = stored.wall_ms
    return steps


def _take(folded: Folded, stored: StoredSnapshot, checks: dict[tuple[str, str], Check]) -> set[IncidentStep]:
    checks |= {(check.key.rule, check.key.subject): replace(check) for check in folded.checks}
    return {
        IncidentStep(*stored.key, change.key.rule, change.key.subject, change.change.value)
        for change in folded.incidents
        if change.change is not Change.RESTATED
    }


def _no_remedies(*_of_what: object) -> tuple[Remedy, ...]:
    return ()


def _kept(stored: StoredSnapshot) -> KeptSnapshot:
    agent_id, epoch, seq = stored.key
    return KeptSnapshot(
        agent_id=agent_id,
        epoch=epoch,
        seq=seq,
        wall_ms=stored.wall_ms,
        received_ms=stored.received_ms,
        readings=stored.readings,
    )
