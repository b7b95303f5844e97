"""Withheld checks that nothing explains any more and that no record shows: their incidents, opened by the clock.

A check that runs once a day, one whose collector fails, a host that is off: none of these sends what would open them.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from health.state import State
from processor.check_results import CHECK_RULE, kept_result
from processor.clock_offset import correction_ms
from processor.decision import Decision, Learnt
from processor.fold import origin_by_time
from processor.judgement import RemedyFinder, released, severity_of, silenced
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.rule import TIMED, Rule
from processor.rule_set import RuleSet
from processor.withholding import without_explained
from rabbitmq.readings import parse_reading_name
from store.model import Agent, Batch, Check, IncidentChange

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Releases:
    """`rules` gives those in force. To follow each look of the silence watch, which says who is overdue."""

    rules: Callable[[], RuleSet]

    def decide(self, memory: FleetMemory, find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
        """The incidents to open now, to be kept; None when there are none. Silence is the silence watch's."""
        agents = {agent_id: agent for agent_id in memory.overdue if (agent := memory.agent(agent_id)) is not None}
        opened: list[IncidentChange] = []
        for agent_id, agent in sorted(agents.items()):
            checks = memory.checks(agent_id)
            for place in sorted(memory.withheld(agent_id) & checks.keys()):
                opened += _open_alone(checks[place], agent, self.rules(), silenced(find_remedies), now_ms)
        if not opened:
            return None
        names = {agent_id: agent.name for agent_id, agent in agents.items()}
        decision = Decision(Batch(incidents=opened, received_ms=now_ms), Learnt(), names=names)
        decided = without_explained(decision, memory)
        return decided if decided.batch.incidents else None


def _open_alone(
    check: Check, agent: Agent, rules: RuleSet, find_remedies: RemedyFinder, now_ms: int
) -> Sequence[IncidentChange]:
    """Of one that fails nothing comes, and the others open all the same."""
    try:
        return _open(check, agent, rules, find_remedies, now_ms)
    except Exception:
        log.exception("the withheld check %s cannot be opened; the others are", check.key)
        return ()


def _open(
    check: Check, agent: Agent, rules: RuleSet, find_remedies: RemedyFinder, now_ms: int
) -> Sequence[IncidentChange]:
    """Nothing for a check whose rule is not in force any more: it ends with the next record."""
    rule, state = rules.in_force(check.key.rule, agent.group_name), severity_of(check)
    origin, offset_ms = origin_by_time(agent, now_ms), correction_ms(agent.clock_offset_ms)
    if check.key.rule == CHECK_RULE:
        seen = kept_result(check, state, now_ms)
        return released(seen, check, check.since_ms + offset_ms, origin, find_remedies)
    if rule is None:
        return ()
    since_ms = check.since_ms if rule.kind in TIMED else check.since_ms + offset_ms
    plain = _kept(rule, check, state, now_ms)
    seen = plain if state is State.UNKNOWN or rule.kind in TIMED else replace(plain, rule=rule)
    try:
        return released(seen, check, since_ms, origin, find_remedies)
    except Exception:  # noqa: BLE001 a rule whose words fail hides nothing
        return released(plain, check, since_ms, origin, find_remedies)


def _kept(rule: Rule, check: Check, state: State, now_ms: int) -> Observation:
    """In words that need no more than was kept of the check."""
    labels = parse_reading_name(f"{rule.metric}{{{check.key.subject}}}")[1]
    return Observation(
        rule=replace(rule, title="{rule}", sentence="{kept}"),
        subject=check.key.subject,
        labels=labels,
        value=check.value,
        at_ms=now_ms,
        words={"rule": rule.rule_id, "kept": f"{' '.join([rule.rule_id, *labels.values()])} is {state}"},
    )
