"""How unusual a reading is for this hour: "3.2 times its usual for Tuesdays 14:00".

    what is known of the same hour of earlier days -> usual (median), spread -> how many spreads away it is now

Median and median absolute deviation, so that one odd day in the past neither hides nor makes an odd one today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean, median

from processor.evaluators.robust_slope import spread_around

LEAST_DAYS = 4
LEAST_SAME_WEEKDAYS = 3
LEAST_SAMPLES_OF_A_DAY = 3
MOST_SPREADS = 1000.0  # where there is no spread at all
LEAST_SPREAD_SHARE = 0.1  # of the usual: a metric that never moves is not unusual for moving a little


@dataclass(frozen=True, slots=True)
class Unusual:
    """`value` lies `spreads` from `usual`, whichever side; `when` says what it was compared with."""

    spreads: float
    value: float
    usual: float
    when: str

    @property
    def times(self) -> str:
        """How often the usual fits into the value: "3.2 times"; "far from" where that says nothing."""
        if self.usual <= 0 or self.value < 0:
            return "far from"
        return f"{self.value / self.usual:.{1 if self.value >= self.usual else 2}f} times"


def unusual(
    newest: Sequence[float],
    earlier: Mapping[date, Sequence[float]],
    at: datetime,
    minimum_spread: float,
    least_days: int = LEAST_DAYS,
) -> Unusual | None:
    """How far the mean of the `newest` values is from those of the same hour on `earlier` days; `at` is in UTC.

    Days of the same weekday alone count where there are three. Where there are fewer, the value must be unusual among
    all days and among those as well: the first Sunday is not a bad Monday. None while too little is known: fewer than
    `least_days` with three values each, or nothing new.
    """
    days = {day: values for day, values in earlier.items() if len(values) >= LEAST_SAMPLES_OF_A_DAY}
    if not newest or len(days) < least_days:
        return None
    like_today = [values for day, values in days.items() if day.weekday() == at.weekday()]
    value, hour = fmean(newest), f"{at:%H}:00 UTC"
    of_weekday = _compare(value, like_today, minimum_spread, f"for {at:%A}s {hour}") if like_today else None
    if of_weekday and len(like_today) >= LEAST_SAME_WEEKDAYS:
        return of_weekday
    of_all = _compare(value, list(days.values()), minimum_spread, f"for {hour}")
    return of_weekday if of_weekday and of_weekday.spreads < of_all.spreads else of_all


def _compare(value: float, days: Sequence[Sequence[float]], minimum_spread: float, when: str) -> Unusual:
    """What half of the days reached in this hour, a job of twenty minutes too, is not unusual however far off."""
    samples = [sample for values in days for sample in values]
    usual = median(samples)
    spread = max(spread_around(usual, samples), minimum_spread, LEAST_SPREAD_SHARE * abs(usual))
    low, high = median(min(values) for values in days), median(max(values) for values in days)
    off = 0.0 if low - spread <= value <= high + spread else abs(value - usual)
    return Unusual(min(off / spread, MOST_SPREADS) if spread else MOST_SPREADS * (off > 0), value, usual, when)
