"""What an agent reported lately, as far as rules look back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.evaluators import absence, rate
from processor.evaluators.rate import Points
from processor.rule_set import ABSENT, Bound, Place, Probe
from store.model import Check


@dataclass(frozen=True, slots=True)
class Recent:
    """The values under rate rules by place, and when each metric under an absence rule came last, by the rule's id."""

    points: Mapping[Place, Points] = field(default_factory=dict)
    reported_ms: Mapping[str, int] = field(default_factory=dict)


NOTHING = Recent()


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What is to be remembered now, and the values that looking back gave."""

    recent: Recent
    values: list[tuple[Probe, float]]


def look_back(
    bound: Bound,
    values: tuple[float, ...],
    at_ms: int,
    recent: Recent,
    checks: Mapping[Place, Check],
    *,
    after_silence: bool,
) -> LookedBack:
    """The values of rates and absences. After a silence both begin anew; so does a reading that was not there once."""
    found: list[tuple[Probe, float]] = []
    points: dict[Place, Points] = {}
    for probe in bound.rates:
        before = () if after_silence else recent.points.get(probe.place, ())
        window_ms = probe.rule.window_ms
        points[probe.place] = rate.remembered(before, at_ms, values[probe.position], window_ms)
        value = rate.per_second(points[probe.place], window_ms)
        if value is not None:
            found.append((probe, value))
    reported_ms: dict[str, int] = {}
    for probe in bound.absences:
        rule_id = probe.rule.rule_id
        last_ms = absence.last_reported_ms(recent.reported_ms.get(rule_id), checks.get(probe.place))
        if probe.position != ABSENT or (last_ms is not None and after_silence):
            last_ms = at_ms
        if last_ms is not None:
            reported_ms[rule_id] = last_ms
            found.append((probe, absence.seconds_absent(last_ms, at_ms)))
    return LookedBack(Recent(points, reported_ms), found)
