"""The rules that foretell: their tracks of every agent's readings, and what those say now."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from processor.evaluators.forecast import Forecast, NoForecast, forecast
from processor.evaluators.robust_slope import Point
from processor.observation import Observation
from processor.past import Past
from processor.rule import Rule
from processor.rule_set import Place
from processor.track import Track, forget_faded, stretch_ms
from rabbitmq.readings import parse_reading_name
from store.model import Agent, Check

MOST_READINGS = 100  # of one agent under one rule
MOMENT_MS = 10_000  # two snapshots of an agent with the usual interval
NO_END_HOURS = 30 * 24.0
Foretell = Callable[[Sequence[Point], float, int], Forecast | NoForecast]
_UNITS = {"percent": "%", "bytes": "bytes", "seconds": "s"}


class Forecasts:
    """Tracks in memory: at its start a processor reads the past out of the store, a few moments at a time."""

    def __init__(self, rules: Sequence[Rule], now_ms: int, foretell: Foretell = forecast) -> None:
        self.metrics = frozenset(rule.metric for rule in rules)
        self._rules = rules
        self._evaluate = foretell
        self._tracks: dict[str, dict[Place, Track]] = defaultdict(dict)
        self._backlog = deque(
            (at_ms, window_ms)
            for window_ms in sorted({rule.window_ms for rule in rules})
            for at_ms in range(now_ms - window_ms, now_ms - MOMENT_MS, stretch_ms(window_ms))
        )

    @property
    def is_ready(self) -> bool:
        return not self._backlog

    def load(self, past: Past) -> None:
        """Read the next moment of the past."""
        at_ms, window_ms = self._backlog[0]
        rules = [rule for rule in self._rules if rule.window_ms == window_ms]
        found = past.near([rule.metric for rule in rules], at_ms, MOMENT_MS)
        self._backlog.popleft()  # only now: a store that is away is asked for it again
        for agent_id, readings in found.items():
            for rule in rules:
                self._note(agent_id, rule, at_ms + MOMENT_MS // 2, readings)

    def forget_all_but(self, agent_ids: frozenset[str]) -> None:
        """To be called now and then; readings that are not reported any more are forgotten, too."""
        for agent_id in self._tracks.keys() - agent_ids:
            del self._tracks[agent_id]
        for tracks in self._tracks.values():
            forget_faded(tracks)

    def observe(
        self, agent: Agent, readings: Mapping[str, float], checks: Mapping[Place, Check], now_ms: int
    ) -> list[Observation]:
        """Note the agent's newest readings and say what is foretold of them; nothing of what is plainly well."""
        return [
            observation
            for rule in self._rules
            if rule.is_for(agent.group_name)
            for reading in self._note(agent.agent_id, rule, agent.snapshot_ms or 0, readings)
            if (observation := self._foretell(agent.agent_id, rule, reading, checks, now_ms))
        ]

    def _note(self, agent_id: str, rule: Rule, time_ms: int, readings: Mapping[str, float]) -> list[str]:
        """The readings under the rule, each with its newest sample on its track."""
        tracks, noted = self._tracks[agent_id], list[str]()
        for reading, value in readings.items():
            if reading.partition("{")[0] == rule.metric and len(noted) < MOST_READINGS:
                place = rule.rule_id, reading
                track = tracks.get(place)
                if track is None:
                    track = tracks[place] = Track(rule.window_ms)
                track.add(time_ms, value)
                noted.append(reading)
        return noted

    def _foretell(
        self, agent_id: str, rule: Rule, reading: str, checks: Mapping[Place, Check], now_ms: int
    ) -> Observation | None:
        subject = reading[len(rule.metric) + 1 : -1]
        check = checks.get((rule.rule_id, subject))
        points = self._tracks[agent_id][rule.rule_id, reading].points()
        labels = parse_reading_name(reading)[1]
        try:
            found = self._evaluate(points, rule.full_at, rule.window_ms)
        except Exception as error:  # noqa: BLE001 one broken rule must stop no other
            return Observation(rule=rule, subject=subject, labels=labels, value=0.0, at_ms=now_ms, error=error)
        if found is NoForecast.FULL or (check is None and isinstance(found, NoForecast)):
            return None
        value, words = in_words(found, rule.metric)
        return Observation(rule=rule, subject=subject, labels=labels, value=value, words=words, at_ms=now_ms)


def in_words(found: Forecast | NoForecast, metric: str) -> tuple[float, Mapping[str, object]]:
    """The hours that a rule's levels judge, and its words; what has no end in sight ends in 30 days."""
    if isinstance(found, NoForecast):
        hours = {"hours": NO_END_HOURS, "low_hours": NO_END_HOURS, "high_hours": NO_END_HOURS}
        return NO_END_HOURS, {**hours, "pace": 0.0, "outlook": f"is not foreseen to fill up now: {found.value}"}
    unit = _UNITS.get(metric.rpartition("_")[2], "")
    pace = f"{abs(found.pace):.2g} {unit}".strip()
    words = {
        "hours": found.hours,
        "low_hours": found.low_hours,
        "high_hours": found.high_hours,
        "pace": found.pace,
        "outlook": f"will be full in about {_about(found)}, at {pace} per hour",
    }
    return found.hours, words


def _about(found: Forecast) -> str:
    """`6 h (4 to 9 h)`: minutes below two hours, days from two days on; no range where it rounds to one number."""
    unit, each = ("min", 1 / 60) if found.hours < 2 else ("h", 1.0) if found.hours < 48 else ("days", 24.0)
    middle, low, high = (round(hours / each) for hours in (found.hours, found.low_hours, found.high_hours))
    return f"{middle} {unit}" if low == high else f"{middle} {unit} ({low} to {high} {unit})"
