"""How the examples of rules that timers judge become values: a forecast's path, an anomaly's days.

    path: [[0, 40], [12, 76], [15, 76]]            hours with readings, straight between them
    earlier: [[1, 2, 1], [2, 1, 1]], newest: [9]   the same hour of the days before, yesterday first, and now

A fleet's examples are values already: per cent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from processor import anomalies, forecasts
from processor.evaluators.anomaly import unusual
from processor.evaluators.forecast import NoForecast, forecast
from processor.rule import Example, Kind, Rule
from processor.track import Track, stretch_ms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MOST_HOURS = 24 * 7
AT = datetime(2024, 1, 30, 14, tzinfo=UTC)


class _Path(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: list[tuple[FiniteFloat, FiniteFloat]] = Field(min_length=2, max_length=100)


class _Days(BaseModel):
    model_config = ConfigDict(extra="forbid")
    earlier: list[list[FiniteFloat]] = Field(max_length=366)
    newest: list[FiniteFloat] = Field(min_length=1, max_length=100)


def hours_until_full(rule: Rule, example: Example) -> Iterator[tuple[int, float]]:
    """Along the path with a sample each minute, what is foretold once in each stretch of the window.

    Raises ValueError (of pydantic) when the example is written wrongly.
    """
    path = _Path.model_validate(dict(example.series)).path
    track, next_ms = Track(rule.window_ms), 0
    for (begins, start), (ends, end) in pairwise(path):
        minutes = range(round(begins * 60), round(min(ends, begins + MOST_HOURS) * 60))
        for minute in minutes:
            at_ms = minute * MINUTE_MS
            track.add(at_ms, start + (end - start) * (minute - minutes.start) / len(minutes))
            if at_ms >= next_ms:
                next_ms = at_ms + stretch_ms(rule.window_ms)
                found = forecast(track.points(), rule.full_at, rule.window_ms)
                if found is not NoForecast.FULL:
                    yield at_ms, forecasts.in_words(found, rule.metric)[0]


def spreads_from_usual(rule: Rule, example: Example) -> Iterator[tuple[int, float]]:
    """The same comparison again and again until a state that it holds for has come. Raises ValueError as above."""
    days = _Days.model_validate(dict(example.series))
    earlier = {(AT - timedelta(days=count)).date(): values for count, values in enumerate(days.earlier, start=1)}
    found = unusual(days.newest, earlier, AT, rule.minimum_spread, anomalies.least_days(rule))
    value, _ = anomalies.in_words(found)
    lasts_ms = max(rule.patience.hold_ms, rule.patience.clear_hold_ms) + MINUTE_MS * max(rule.patience.attempts, 2)
    yield from ((at_ms, value) for at_ms in range(0, lasts_ms, MINUTE_MS))


MEASURES: Mapping[Kind, Callable[[Rule, Example], Iterable[tuple[int, float]]]] = {
    Kind.FORECAST: hours_until_full,
    Kind.ANOMALY: spreads_from_usual,
}
