"""What this host thinks of itself: each check moved by the same steps as on the hub, with the hub away, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from agent.local_rules import Bound, Place, RuleSet
from health.machine import Patience, Reason, Standing, settled, step
from health.rule import Words
from health.state import State
from rabbitmq.readings import metric_group, reading_name
from rabbitmq.records import CheckResult, Readings

CHECK_RULE = "check"
GONE_AFTER_MS = 60_000
VALUES = {State.OK: 0.0, State.WARNING: 1.0, State.CRITICAL: 2.0, State.UNKNOWN: 3.0}  # exit codes of plugins

_GONE = Patience(clear_hold_ms=GONE_AFTER_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HardChange:
    """A check that is in another hard state than `before`. `check` is what settings call it: of a rule its id, of an
    active check its name. An active check has no `value`.
    """

    place: Place
    check: str
    before: State
    standing: Standing
    reason: Reason
    value: float | None
    sentence: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A check as it outlives the agent; `result` is the last one of an active check."""

    rule: str
    subject: str
    standing: Standing
    result: CheckResult | None = None


@dataclass(slots=True)
class Seen:
    """What was observed last of one check: a reading (`bound` to its rule), or a `result`."""

    at_ms: int
    value: float
    bound: Bound | None = None
    result: CheckResult | None = None

    @property
    def name(self) -> str:
        """What people call the check."""
        return self.result.name if self.result else self.bound.name if self.bound else ""

    def sentence(self, state: State) -> str:
        """In words for people: of a result the first line that it wrote, of a rule its own sentence."""
        if self.result is not None:
            return f"{self.result.name}: {self.result.output.partition(chr(10))[0]}"
        if self.bound is None:
            return ""
        rule = self.bound.rule
        return rule.sentence.format_map(
            Words({**self.bound.labels, "value": self.value, "limit": rule.limit_for(state)})
        )


class LocalState:
    """All checks of this host by place. `has_moved` says whether there is something new to be kept."""

    def __init__(self, rules: RuleSet, kept: Iterable[Kept] = (), *, checks: Iterable[str] = (), now_ms: int) -> None:
        """From what was kept; `checks` are the names of today's active ones, all others are forgotten."""
        self._rules = rules
        self.standings: dict[Place, Standing] = {}
        self.seen: dict[Place, Seen] = {}
        self.has_moved = False
        known = {check_place(name) for name in checks}
        for one in kept:
            place = one.rule, one.subject
            seen = self._seen_before(one, now_ms) if place[0] != CHECK_RULE or place in known else None
            if seen is not None:
                self.standings[place], self.seen[place] = one.standing, seen

    def kept(self) -> list[Kept]:
        """What the next start of the agent goes on with."""
        self.has_moved = False
        return [
            Kept(rule=place[0], subject=place[1], standing=standing, result=self.seen[place].result)
            for place, standing in self.standings.items()
        ]

    @property
    def is_troubled(self) -> bool:
        """Whether anything is not ok, or something else than ok was seen of it."""
        return any(one.pending is not None or one.state is not State.OK for one in self.standings.values())

    def state_of(self, place: Place) -> State:
        """The hard state; what was never observed is ok."""
        standing = self.standings.get(place)
        return standing.state if standing else State.OK

    def after_silence(self) -> None:
        """Nothing counts as having lasted."""
        self.standings = {place: settled(standing) for place, standing in self.standings.items()}

    def observe(
        self, readings: Readings, errors: Mapping[str, str], at_ms: int, switched_off: Sequence[str] = ()
    ) -> Sequence[HardChange]:
        """One collection. `errors` names what was not measured, so that its absence says nothing; checks of metric
        groups that are `switched_off` end at once."""
        changes: list[HardChange] = []
        for bound, value in self._rules.bound(readings):
            place = bound.place
            standing = self.standings.get(place) or self._begin(place, value, at_ms)
            seen = self.seen.get(place)
            if seen is None:
                self.seen[place] = Seen(at_ms, value, bound)
            else:
                seen.at_ms, seen.value = at_ms, value
            if value * bound.sign <= bound.calm_until and standing.is_plain:
                continue  # most readings most of the time
            target = bound.rule.target(standing.state, value)
            if change := self._step(place, target, value, at_ms, bound.rule.patience):
                changes.append(change)
        changes.extend(self._look_at_unfed(errors, at_ms, switched_off))
        return changes

    def observe_check(self, result: CheckResult) -> HardChange | None:
        """One result of an active check, at its own time."""
        place, target, at_ms = check_place(result.name), State(result.state), round(result.wall_seconds * 1000)
        value = VALUES[target]
        self.seen[place] = Seen(at_ms, value, result=result)
        if place not in self.standings:
            self._begin(place, 0.0, at_ms)
        return self._step(place, target, value, at_ms, Patience(attempts=result.attempts))

    def _seen_before(self, kept: Kept, now_ms: int) -> Seen | None:
        """As if it were seen now, or None when it is of a rule that is not in force any more."""
        if kept.result is not None:
            return Seen(now_ms, kept.standing.value, result=kept.result)
        rule = self._rules.by_id.get(kept.rule)
        if rule is None:
            return None
        reading = f"{rule.metric}{{{kept.subject}}}" if kept.subject else rule.metric
        bounds = (bound for bound, _ in self._rules.bound({reading: kept.standing.value}) if bound.rule is rule)
        return next((Seen(now_ms, kept.standing.value, bound) for bound in bounds), None)

    def _begin(self, place: Place, value: float, at_ms: int) -> Standing:
        standing = self.standings[place] = Standing(state=State.OK, since_ms=at_ms, value=value)
        self.has_moved = True
        return standing

    def _step(
        self, place: Place, target: State, value: float, at_ms: int, patience: Patience, sentence: str = ""
    ) -> HardChange | None:
        before = self.standings[place]
        after, reason = step(before, target, value, at_ms, patience)
        if after is before:
            return None
        self.standings[place] = after
        self.has_moved = True
        if after.state is before.state:
            return None
        seen = self.seen[place]
        return HardChange(
            place=place,
            check=seen.result.name if seen.result else place[0],
            before=before.state,
            standing=after,
            reason=reason,
            value=None if seen.result else value,
            sentence=sentence or seen.sentence(after.state),
        )

    def _look_at_unfed(
        self, errors: Mapping[str, str], at_ms: int, switched_off: Sequence[str]
    ) -> Iterable[HardChange]:
        """What the collection did not bring, of an unmounted disk or of swap switched off, as the hub looks at it."""
        for place, standing in list(self.standings.items()):
            seen = self.seen[place]
            if seen.at_ms == at_ms or seen.bound is None:
                continue
            if metric_group(seen.bound.rule.metric) in switched_off:
                yield from self._end(place, at_ms, f"{seen.name} is not measured any more: it was switched off")
                continue
            fails = _fails(seen.bound.rule.metric, errors)
            is_calm = standing.is_plain or (standing.state is State.OK and not fails)
            if is_calm and at_ms - seen.at_ms > GONE_AFTER_MS:
                self._forget(place)
            elif standing.state is State.OK or fails:
                self.standings[place] = settled(standing)
            else:
                words = f"{seen.name} is not reported any more"
                if change := self._step(place, State.OK, standing.value, at_ms, _GONE, words):
                    self._forget(place)
                    yield change

    def _end(self, place: Place, at_ms: int, words: str) -> Iterable[HardChange]:
        """Without waiting: nobody judges the check any more."""
        change = self._step(place, State.OK, self.standings[place].value, at_ms, Patience(), words)
        self._forget(place)
        return [change] if change else []

    def _forget(self, place: Place) -> None:
        del self.standings[place], self.seen[place]
        self.has_moved = True


def check_place(name: str) -> Place:
    """Where an active check stands among all checks."""
    return CHECK_RULE, reading_name("", check=name)[1:-1]


def _fails(metric: str, errors: Mapping[str, str]) -> bool:
    """Whether the metric's collector, or a part of it like `disk{mount="/srv"}`, gave no readings."""
    collector = metric_group(metric)
    return any(name.partition("{")[0] == collector for name in errors)
