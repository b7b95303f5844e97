"""The rules that know what is usual: what agents read at this hour of earlier days, and how far they are from it."""

import random
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice

from processor.evaluators.anomaly import LEAST_DAYS, Unusual, unusual
from processor.observation import Observation
from processor.past import Past
from processor.rule import Rule
from processor.rule_set import Place
from processor.track import Track, forget_faded
from rabbitmq.readings import parse_reading_name
from store.model import Agent, Check

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NEWEST_MS = 300_000
LEAST_NEWEST = 3
MOMENTS_AN_HOUR = 12
MOMENT_MS = 10_000
MOST_READINGS = 100  # of one agent under one rule

Days = dict[date, list[float]]


class Anomalies:
    """Each hour begins with a look at the same hour of earlier days, a few moments at a time; silent meanwhile."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.metrics = frozenset(rule.metric for rule in rules)
        self._rules = rules
        self._days = max((rule.days for rule in rules), default=0)
        self._hour = 0  # since the epoch
        self._backlog: deque[int] = deque()
        self._earlier: dict[str, dict[str, Days]] = defaultdict(lambda: defaultdict(dict))
        self._newest: dict[str, dict[str, Track]] = defaultdict(dict)

    @property
    def is_ready(self) -> bool:
        return not self._backlog

    def turn_to(self, now_ms: int) -> None:
        """Begin the hour that it is, unless it was begun."""
        if now_ms // HOUR_MS != self._hour:
            self._hour = now_ms // HOUR_MS
            self._earlier.clear()
            days = range(self._days, 0, -1)
            self._backlog = deque(at for day in days for at in moments(self._hour * HOUR_MS - day * DAY_MS))

    def load(self, past: Past) -> None:
        """Read the next moment of the past."""
        at_ms = self._backlog[0]
        found = past.near(sorted(self.metrics), at_ms, MOMENT_MS)
        self._backlog.popleft()  # only now: a store that is away is asked for it again
        day = datetime.fromtimestamp(at_ms / 1000, UTC).date()
        for agent_id, readings in found.items():
            for reading, value in islice(readings.items(), MOST_READINGS):
                self._earlier[agent_id][reading].setdefault(day, []).append(value)

    def forget_all_but(self, agent_ids: frozenset[str]) -> None:
        """To be called now and then; readings that are not reported any more are forgotten, too."""
        for agent_id in self._newest.keys() - agent_ids:
            del self._newest[agent_id]
        for tracks in self._newest.values():
            forget_faded(tracks)

    def observe(
        self, agent: Agent, readings: Mapping[str, float], checks: Mapping[Place, Check], now_ms: int
    ) -> list[Observation]:
        """Note the agent's newest readings and say how unusual they are; nothing of what is plainly well."""
        observations: list[Observation] = []
        for reading in self._note(agent, readings):
            for rule in self._rules:
                if reading.partition("{")[0] == rule.metric and rule.is_for(agent.group_name) and self.is_ready:
                    observations += self._compare(agent, rule, reading, checks, now_ms)
        return observations

    def _note(self, agent: Agent, readings: Mapping[str, float]) -> list[str]:
        tracks, time_ms = self._newest[agent.agent_id], agent.snapshot_ms or 0
        noted = [reading for reading in readings if reading.partition("{")[0] in self.metrics][:MOST_READINGS]
        for reading in noted:
            tracks.setdefault(reading, Track(NEWEST_MS)).add(time_ms, readings[reading])
        return noted

    def _compare(
        self, agent: Agent, rule: Rule, reading: str, checks: Mapping[Place, Check], now_ms: int
    ) -> list[Observation]:
        snapshot_ms, subject = agent.snapshot_ms or 0, reading[len(rule.metric) + 1 : -1]
        newest = self._newest[agent.agent_id][reading].newest(snapshot_ms - NEWEST_MS)
        reports_often = agent.interval_ms * (LEAST_NEWEST - 1) <= NEWEST_MS
        if snapshot_ms // HOUR_MS != self._hour or (reports_often and len(newest) < LEAST_NEWEST):
            return []
        at = datetime.fromtimestamp(snapshot_ms / 1000, UTC)
        earlier = {
            day: values
            for day, values in self._earlier[agent.agent_id][reading].items()
            if (at.date() - day).days <= rule.days
        }
        known = earlier if reports_often else {}  # nothing can be said of it, and what is open ends
        labels = parse_reading_name(reading)[1]
        try:
            found = unusual(newest, known, at, rule.minimum_spread, least_days(rule))
        except Exception as error:  # noqa: BLE001 one broken rule must stop no other
            return [Observation(rule=rule, subject=subject, labels=labels, value=0.0, at_ms=now_ms, error=error)]
        if found is None and (rule.rule_id, subject) not in checks:
            return []
        value, words = in_words(found)
        return [Observation(rule=rule, subject=subject, labels=labels, value=value, words=words, at_ms=now_ms)]


def least_days(rule: Rule) -> int:
    """How many days must be known before the rule speaks: a quarter of those it looks back, and four."""
    return max(LEAST_DAYS, rule.days // 4)


def moments(hour_ms: int) -> list[int]:
    """One moment in each twelfth of an hour, by chance but always the same, so that no job of every 5 minutes hides."""
    width_ms = HOUR_MS // MOMENTS_AN_HOUR
    return [
        hour_ms + width_ms * place + random.Random(hour_ms + place).randrange(width_ms - MOMENT_MS)  # noqa: S311
        for place in range(MOMENTS_AN_HOUR)
    ]


def in_words(found: Unusual | None) -> tuple[float, Mapping[str, object]]:
    """The number of spreads that a rule's levels judge, and its words."""
    if found is None:
        return 0.0, {"now": "", "times": "", "usual": "", "when": "", "comparison": "has too little history to compare"}
    now, usual = f"{found.value:.3g}", f"{found.usual:.3g}"
    comparison = f"is {now}, {found.times} its usual {usual} {found.when}"
    return found.spreads, {
        "now": now,
        "times": found.times,
        "usual": usual,
        "when": found.when,
        "comparison": comparison,
    }
