"""A rule's examples: what it says must come of them, run through the real evaluation and the real state machine."""

from collections.abc import Iterable
from dataclasses import replace

from health.machine import step
from health.state import State
from processor.fold import Circumstances, fold_snapshot
from processor.rule import Example, Kind, Rule
from processor.rule_set import Place, RuleSet
from processor.timed_examples import MEASURES
from store.model import Check, CheckKey, KeptSnapshot

Measured = Iterable[tuple[int, float]]
"""Times in milliseconds, rising, with the value that the rule's levels judge then."""


def wrong_examples(rule: Rule) -> list[str]:
    """Each example that does not end as it says, or that its kind cannot read."""
    problems = ((example.name, _problem(rule, example)) for example in rule.examples)
    return [f"examples: {name!r} {problem}" for name, problem in problems if problem]


def _problem(rule: Rule, example: Example) -> str:
    try:
        end = end_of(rule, example)
    except ValueError as error:
        return f"cannot be read: {' '.join(str(error).split())[:300]}"
    return "" if end is example.ends else f"ends {end}, not {example.ends}"


def end_of(rule: Rule, example: Example) -> State:
    """The state in which the example ends."""
    measure = MEASURES.get(rule.kind)
    if measure is not None:
        return _end_of_values(rule, measure(rule, example))
    timed = [(round(place * example.interval_seconds * 1000), value) for place, value in enumerate(example.values)]
    if rule.kind in (Kind.THRESHOLD, Kind.RATE, Kind.ABSENCE):
        return _end_of_snapshots(rule, timed)
    return _end_of_values(rule, [(at_ms, value) for at_ms, value in timed if value is not None])


def _end_of_values(rule: Rule, measured: Measured) -> State:
    check = Check(key=CheckKey("", rule.rule_id, ""), state=State.OK, since_ms=0, value=0.0)
    for at_ms, value in measured:
        check, _ = step(check, rule.target(check.state, value), value, at_ms, rule.patience)
    return check.state


def _end_of_snapshots(rule: Rule, timed: Iterable[tuple[int, float | None]]) -> State:
    rules, checks = RuleSet([replace(rule, groups=frozenset())]), dict[Place, Check]()
    circumstances = Circumstances(errors={}, after_silence=False)
    for seq, (at_ms, value) in enumerate(timed, start=1):
        readings = {} if value is None else {rule.metric: value}
        snapshot = KeptSnapshot(
            agent_id="example", epoch=1, seq=seq, wall_ms=at_ms, received_ms=at_ms, readings=readings
        )
        folded = fold_snapshot(snapshot, circumstances, checks, rules, lambda *_: ())
        checks |= {(check.key.rule, check.key.subject): check for check in folded.checks}
        circumstances = replace(circumstances, recent=folded.recent)
    return next((check.state for check in checks.values()), State.OK)
