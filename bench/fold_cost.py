"""Evaluate and fold: CPU per snapshot of a calm fleet, by the real code with rules on twenty metrics.

python -m bench.fold_cost
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from bench.pipeline_cost import READINGS
from health.machine import Patience
from health.rule import Level
from health.state import State
from processor.fold import Circumstances, fold_snapshot
from processor.rule import Rule
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from store.model import KeptSnapshot
from store.packing import PackedReadings

AGENTS = 200
ROUNDS = 100
REPEATS = 5
RULES = 20
MOST_MICROSECONDS = 6.0


def rules() -> list[Rule]:
    """Those that ship, and thresholds on what else the snapshots bring: twenty that judge a snapshot. Rules of timers,
    like forecasts, are judged by the minute and cost nothing here."""
    shipped = load_rules()
    bound = RuleSet(shipped).bound(tuple(READINGS))
    judged = {probe.rule.rule_id for probe in (*bound.thresholds, *bound.rates, *bound.absences)}
    own = [_threshold(f"bench.value_{number}") for number in range(RULES - len(judged))]
    return [*shipped, *own]


def measure() -> float:
    """Microseconds of CPU per snapshot, the least of some repeats: what else runs only adds."""
    rule_set, fleet = RuleSet(rules()), _fleet()
    return min(_once(rule_set, fleet) for _ in range(REPEATS))


def _once(rule_set: RuleSet, fleet: Sequence[KeptSnapshot]) -> float:
    calm = Circumstances(errors={}, after_silence=False)
    began = time.process_time_ns()
    for _ in range(ROUNDS):
        for snapshot in fleet:
            fold_snapshot(snapshot, calm, {}, rule_set, lambda *_: ())
    return (time.process_time_ns() - began) / 1000 / ROUNDS / len(fleet)


def _threshold(metric: str) -> Rule:
    return Rule(
        rule_id=metric.replace(".", "-").replace("_", "-"),
        metric=metric,
        levels={State.WARNING: Level(limit=1000, clear=900)},
        patience=Patience(hold_ms=30_000),
        title=metric,
        sentence="{value}",
    )


def _fleet() -> list[KeptSnapshot]:
    whole = KeptSnapshot(
        agent_id="", epoch=1, seq=1, wall_ms=1_790_000_000_000, received_ms=1_790_000_000_000, readings={}
    )
    return [replace(whole, agent_id=f"bench-{number}", readings=PackedReadings(READINGS)) for number in range(AGENTS)]


def line() -> str:
    fold = f"evaluate and fold, {RULES} rules, {len(READINGS)} readings, all calm"
    return f"{fold}: {measure():.2f} microseconds of CPU per snapshot, at most {MOST_MICROSECONDS:g} are asked for"


if __name__ == "__main__":
    print(line())
