"""What a rule itself says to do: the first remedy of its incidents, before the known problems behind them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from health.state import State
from knowledge.placeholders import fill_command, fill_text
from processor.rule import Rule
from store.model import Remedy, Step

RULE_FIRED = "rule-fired"  # the known problem that stands in where nothing else is known


def with_own_steps(rule: Rule, severity: State, labels: Mapping[str, str], found: Sequence[Remedy]) -> Sequence[Remedy]:
    """The remedies of an incident: those `found`, after the rule's own steps if it has any.

    The own ones replace the last resort, and are not for a rule that cannot be judged.
    """
    if not rule.steps or severity is State.UNKNOWN:
        return found
    own = Remedy(
        slug=RULE_FIRED,
        title=f"What the rule {rule.rule_id} says to do",
        confidence="exact",
        reason=f"the rule {rule.rule_id} is {severity}",
        steps=[_filled(step, labels) for step in rule.steps],
        captured=dict(labels),
    )
    return [own, *(remedy for remedy in found if remedy.slug != RULE_FIRED)]


def _filled(step: Step, labels: Mapping[str, str]) -> Step:
    command = None if step.command is None else fill_command(step.command, labels)
    return replace(step, text=fill_text(step.text, labels), command=command)
