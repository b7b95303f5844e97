"""Active checks: what they saw moves a check of their own, in the order in which they ended."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from health.machine import Patience
from health.rule import Level
from health.state import State
from processor.judgement import Judged, Origin, RemedyFinder, closed, judge
from processor.observation import Observation
from processor.rule import Rule
from processor.rule_set import Place, RuleSet
from rabbitmq.readings import parse_reading_name, reading_name
from rabbitmq.records import CheckResult
from store.model import Check

CHECK_RULE = "check"
CHECK_METRICS = "check."  # what the names of their readings begin with
LONGEST_SENTENCE = 300

_VALUES = {State.OK: 0.0, State.WARNING: 1.0, State.CRITICAL: 2.0, State.UNKNOWN: 3.0}


def check_place(name: str) -> Place:
    return CHECK_RULE, reading_name(CHECK_RULE, check=name)[len(CHECK_RULE) + 1 : -1]


def judge_result(
    result: CheckResult,
    known: Check | None,
    origin: Origin,
    find_remedies: RemedyFinder,
    *,
    is_unheard: bool,
    is_withheld: bool = False,
) -> Judged:
    """One step of an active check; its state counts after so many attempts as its settings say."""
    state = State(result.state)
    line = _in_one_line(next(iter(result.output.splitlines()), ""))
    sentence = f"{result.name}: {line}" if line else _bare_sentence(result.name, state)
    seen = Observation(
        rule=_rule(result.attempts),
        subject=check_place(result.name)[1],
        labels={"check": result.name, "kind": result.kind, "said": _in_one_line(result.output)},
        value=_VALUES[state],
        at_ms=round(result.wall_seconds * 1000),
        words={"sentence": sentence[:LONGEST_SENTENCE]},
    )
    return judge(seen, known, origin, find_remedies, target=state, is_unheard=is_unheard, is_withheld=is_withheld)


def kept_result(check: Check, state: State, at_ms: int) -> Observation:
    """An active check as it is known without what it printed."""
    name = parse_reading_name(f"{CHECK_RULE}{{{check.key.subject}}}")[1].get("check", "")
    return Observation(
        rule=_rule(1),
        subject=check.key.subject,
        labels={"check": name},
        value=check.value,
        at_ms=at_ms,
        words={"sentence": _bare_sentence(name, state)[:LONGEST_SENTENCE]},
    )


def close_unconfigured(
    configured: Collection[str], checks: Mapping[Place, Check], rules: RuleSet, at_ms: int, origin: Origin
) -> Sequence[Judged]:
    """The end of what is known of active checks that their agent does not run any more, and of rules on their readings.

    `configured` are the names of those it runs.
    """
    ended: list[Judged] = []
    for (rule_id, subject), check in checks.items():
        rule = rules.by_id.get(rule_id)
        if rule_id != CHECK_RULE and (rule is None or not rule.metric.startswith(CHECK_METRICS)):
            continue
        name = parse_reading_name(f"{CHECK_RULE}{{{subject}}}")[1].get("check")
        if name is not None and name not in configured:
            ended.append(closed(check, at_ms, origin, f"the check {name} is not configured any more"))
    return ended


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _bare_sentence(name: str, state: State) -> str:
    return f"check {name} is {state}"


@lru_cache(maxsize=128)
def _rule(attempts: int) -> Rule:
    """What people read of a check; its own state decides, not these levels."""
    return Rule(
        rule_id=CHECK_RULE,
        metric=f"{CHECK_METRICS}state",
        levels={State.WARNING: Level(limit=0, clear=0), State.CRITICAL: Level(limit=1, clear=1)},
        patience=Patience(attempts=attempts),
        title="check {check}",
        sentence="{sentence}",
    )
