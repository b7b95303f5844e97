"""Write docs/forecasts.md: forecasts and anomalies on series with known answers. `python -m deploy.forecast_table`.

Each series is played through the evaluators, the rules that ship and the state machine: what counts is whether people
would have heard of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from health.machine import step
from health.state import State
from processor import anomalies, forecasts
from processor.evaluators.anomaly import unusual
from processor.evaluators.forecast import NoForecast, forecast
from processor.rule import Rule
from processor.rule_files import load_rules
from processor.track import Track
from store.model import Check, CheckKey
from tests.unit.processor.series.filling import Filling, fillings
from tests.unit.processor.series.recorded import recorded_fillings, recorded_usuals
from tests.unit.processor.series.usual import BEGIN, Usual, usuals

PAGE = Path(__file__).resolve().parents[1] / "docs" / "forecasts.md"
FORECAST_EVERY_MINUTES = 15
ANOMALY_EVERY_MINUTES = 5
NEWEST_MINUTES = 5
EARLIEST_RIGHT_HOURS = 30.0  # before it is full: where the warning of 24 hours ends

INTRODUCTION = """\
# Forecasts and anomalies: hits, misses, false alarms

Made by `python -m deploy.forecast_table`; tests hold the counts. Each series is played minute by minute through the
evaluator, the rule that ships (`disk-full-soon`, `load-unusual`) and the state machine with its hold times, so an alarm
here is one that people would get. To save time the evaluator is asked every 15 minutes for a forecast and every 5 for
an anomaly; the processor asks each minute.

A **hit** is an alarm while the known answer is yes: the disk will be full within 30 hours, the load is unusual. A
**miss** is a known yes without an alarm. Any other alarm is **false**; one that nobody could have avoided is
**excused**, with why. `recorded` series were sampled on a real machine, the others are generated with fixed seeds
(`tests/unit/processor/series/`).

## How a forecast is made

The line is Theil-Sen's: the median of the slopes between pairs of points, here those at least a quarter of the span
apart. The range, "4 to 9 h", goes from the 10th to the 90th percentile of these slopes: how much the pace changed.
Nothing is foretold when the points do not cover a third of the window, went back or stood still for a tenth of the
pairs, owe a quarter of the rise to one step, left the line lately or moved at less than a quarter of its
pace, and when the end is further ahead than four times the line's span or than 30 days. A reading that was as full
before and came down again by itself must first go a third beyond that.

## How unusual is measured

`|mean of the last 5 minutes - median| / max(1.4826 * MAD, minimum_spread, a tenth of the median)` over the same hour of
earlier days, twelve moments in each. Three days of the same weekday are compared alone; with fewer the value must be
unusual among all days and among those. What half of the days reach within that hour is usual, however far off. A rule
speaks once a quarter of its `days` are known, four at least. Hours are UTC.

## What they do not see

A job of every week is not known to a forecast of 26 hours, nor is the first tooth of a saw. Records that come late are
in the store, and on a forecast's track after the processor's next start only. Holidays are unusual. While a processor
that took over reads the past (forecasts: 100 s; anomalies: up to 5 minutes, and again at each hour) nothing moves.

## What they cost

With 1,000 agents of nine readings under the rules that ship, on two shared cores and SQLite: 17 ms of CPU for each turn
of 5 s (0.4 % of a core), 75 to 100 ms a turn while the past is read, about 50 MB of memory.
"""


@dataclass(frozen=True, slots=True)
class Alarm:
    """From its opening to its end, in minutes; `value` is what the rule's levels judged at the opening."""

    opened: int
    ended: int
    value: float


@dataclass(frozen=True, slots=True)
class Trial:
    """How one series went."""

    name: str
    answer: str
    hits: int
    misses: int
    false_alarms: int
    excused: int
    story: str


def forecast_trials() -> list[Trial]:
    """Every series of disks under the rule that ships."""
    rule = _rule("disk-full-soon")
    return [_forecast_trial(rule, series) for series in (*fillings(), *recorded_fillings())]


def anomaly_trials() -> list[Trial]:
    """Every series of loads under the rule that ships."""
    rule = _rule("load-unusual")
    return [_anomaly_trial(rule, series) for series in (*usuals(), *recorded_usuals())]


def page(forecasts: Sequence[Trial], anomalies: Sequence[Trial]) -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_table("Forecasts", forecasts), *_table("Anomalies", anomalies)])


def _rule(rule_id: str) -> Rule:
    return next(rule for rule in load_rules() if rule.rule_id == rule_id)


def _alarms(rule: Rule, measured: Iterable[tuple[int, float]], last: int) -> Iterator[Alarm]:
    """What the state machine makes of values by minute."""
    check = Check(key=CheckKey("", rule.rule_id, ""), state=State.OK, since_ms=0, value=0.0)
    opened: tuple[int, float] | None = None
    for minute, value in measured:
        check, _ = step(check, rule.target(check.state, value), value, minute * 60_000, rule.patience)
        if check.state is not State.OK and opened is None:
            opened = minute, value
        if check.state is State.OK and opened is not None:
            yield Alarm(opened[0], minute, opened[1])
            opened = None
    if opened is not None:
        yield Alarm(opened[0], last, opened[1])


def _forecast_trial(rule: Rule, series: Filling) -> Trial:
    found = list(_alarms(rule, _foretold(rule, series), len(series.values)))
    right = partial(_is_near_its_end, series)
    excused = [alarm for alarm in found if not right(alarm) and series.excused <= alarm.opened < series.excused_until]
    hits = [alarm for alarm in found if right(alarm)]
    answer = "never full" if series.full is None else f"full at {_clock(series.full)}"
    missed = series.full is not None and not hits
    told = [_forecast_story(series, alarm) for alarm in found]
    return _trial(series, answer, told, hits=len(hits), misses=int(missed), excused=len(excused))


def _forecast_story(series: Filling, alarm: Alarm) -> str:
    said = f"{_span(alarm)}, first said {alarm.value:.1f} h"
    return said if series.full is None else f"{said}, it was {(series.full - alarm.opened) / 60:.1f} h"


def _is_near_its_end(series: Filling, alarm: Alarm) -> bool:
    return series.full is not None and (series.full - alarm.opened) / 60 <= EARLIEST_RIGHT_HOURS


def _foretold(rule: Rule, series: Filling) -> Iterator[tuple[int, float]]:
    track = Track(rule.window_ms)
    for minute, value in enumerate(series.values):
        if value is None:
            continue
        track.add(minute * 60_000, value)
        if minute % FORECAST_EVERY_MINUTES == 0:
            found = forecast(track.points(), rule.full_at, rule.window_ms)
            if found is not NoForecast.FULL:
                yield minute, forecasts.in_words(found, rule.metric)[0]


def _anomaly_trial(rule: Rule, series: Usual) -> Trial:
    found = list(_alarms(rule, _compared(rule, series), series.ends))
    hits = [alarm for alarm in found if series.is_unusual(alarm.opened)]
    missed = sum(not any(first <= alarm.opened < last for alarm in found) for first, last in series.unusual)
    answer = (
        ", ".join(f"unusual from {_clock(first)} to {_clock(last)}" for first, last in series.unusual) or "as usual"
    )
    told = [f"{_span(alarm)}, {alarm.value:.0f} spreads" for alarm in found]
    return _trial(series, answer, told, hits=len(hits), misses=missed, excused=0)


def _compared(rule: Rule, series: Usual) -> Iterator[tuple[int, float]]:
    earlier: dict[date, list[float]] = {}
    for minute in range(series.begins, series.ends, ANOMALY_EVERY_MINUTES):
        if minute % 60 < ANOMALY_EVERY_MINUTES:
            earlier = dict(_same_hour(rule, series, minute // 60 * 60))
        newest = [series.shape(at) for at in range(minute - NEWEST_MINUTES + 1, minute + 1)]
        at = BEGIN + timedelta(minutes=minute)
        found = unusual(newest, earlier, at, rule.minimum_spread, anomalies.least_days(rule))
        yield minute, anomalies.in_words(found)[0]


def _same_hour(rule: Rule, series: Usual, minute: int) -> Iterator[tuple[date, list[float]]]:
    for count in range(1, rule.days + 1):
        begins = minute - count * 24 * 60
        if begins >= 0 and begins // (24 * 60) not in series.away:
            moments = anomalies.moments(round((BEGIN + timedelta(minutes=begins)).timestamp() * 1000))
            minutes = [round((at_ms / 1000 - BEGIN.timestamp()) // 60) for at_ms in moments]
            yield (BEGIN + timedelta(minutes=begins)).date(), [series.shape(at) for at in minutes]


def _trial(series: Filling | Usual, answer: str, told: Sequence[str], *, hits: int, misses: int, excused: int) -> Trial:
    story = "; ".join([*told, *([series.note] if series.note else [])])
    return Trial(series.name, answer, hits, misses, len(told) - hits - excused, excused, story)


def row(trial: Trial) -> str:
    """Its line in the table."""
    counts = f"{trial.hits} | {trial.misses} | {trial.false_alarms} | {trial.excused}"
    return f"| {trial.name} | {trial.answer} | {counts} | {trial.story or 'none'} |"


def _table(title: str, trials: Sequence[Trial]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| Series | Known answer | Hits | Misses | False alarms | Excused | Alarms, by day and hour |"
    yield "|---|---|---|---|---|---|---|"
    for trial in trials:
        yield row(trial)
    sums = [sum(getattr(trial, name) for trial in trials) for name in ("hits", "misses", "false_alarms", "excused")]
    yield f"| **{len(trials)} series** | | {' | '.join(f'**{count}**' for count in sums)} | |\n"


def _span(alarm: Alarm) -> str:
    return f"{_clock(alarm.opened)} to {_clock(alarm.ended)}"


def _clock(minute: float) -> str:
    """Minutes since the beginning as day and time: `2 02:15` is the second day."""
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return f"{at.timetuple().tm_yday} {at:%H:%M}"


if __name__ == "__main__":
    PAGE.write_text(page(forecast_trials(), anomaly_trials()), encoding="utf-8")
    print(f"wrote {PAGE}")
