"""What the incidents should be: every stored record folded once more, in the batches in which the processor read them.

The records of a batch share the moment of their receipt, so the batches can be read off the database. Whether a record
was late is known of most: those that lay for longer than an agent may be silent were, those that came at once while the
way was calm were not. Of the others both is tried: what the database says of each record must be what one of the
two makes of it, and the same choice must explain all that follows of the same check. Each check is judged alone: the
ways in which many can have come about together are too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby

import msgspec

from faults.calm import Calm
from faults.evidence import IncidentStep, Kept, StoredSnapshot
from faults.witness import Key
from processor.check_results import CHECK_RULE, check_place
from processor.findings import OWN_RULES
from processor.fold import Circumstances, Folded, fold_results, fold_snapshot, still_unheard
from processor.lateness import is_late
from processor.recent import NOTHING, Recent
from processor.rule import TIMED, Rule
from processor.rule_files import load_rules
from processor.rule_set import Place, RuleSet
from rabbitmq.records import CheckResult
from store.model import STALE_AFTER_INTERVALS, Change, Check, IncidentChange, KeptSnapshot, Remedy

PROMPT_MS = 1_000  # with the time since the last canary less than what makes a record late
ROUNDING_MS = 1_500  # of a message's time, which is in seconds


@dataclass
class Differences:
    """Between the incidents and the fold. `misdated` are openings: history that is called news, or news history.
    `judged_steps` is how many changes of incidents were compared.
    """

    missing: set[IncidentStep] = field(default_factory=set)
    foreign: set[IncidentStep] = field(default_factory=set)
    misdated: set[IncidentStep] = field(default_factory=set)
    judged_agents: set[str] = field(default_factory=set)
    judged_steps: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """One way in which all that was read so far can have come about. `opened` are the openings of open incidents."""

    checks: Mapping[Place, Check] = field(default_factory=dict)
    unheard: frozenset[Place] = frozenset()
    recent: Recent = NOTHING
    opened: Mapping[Place, IncidentStep] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one record adds to a story, with the incidents that it ends: their openings and whether they were late."""

    story: Story
    steps: frozenset[IncidentStep]
    ended: Mapping[IncidentStep, bool]


def differences(kept: Kept, *, restarts_ms: Sequence[int], clocks_hold: bool) -> Differences:
    """All agents. `restarts_ms`: when processors died or were started again. `clocks_hold`: agents have the processor's
    time."""
    found = Differences(judged_agents={snapshot.key.agent_id for snapshot in kept.snapshots})
    calm = Calm(kept.snapshots, restarts_ms) if clocks_hold else None
    rules = RuleSet(rules_as_shipped())
    steps, judged = _steps_by_record(kept), _in_order(kept)
    found.judged_steps = sum(len(those) for its in steps.values() for those in its.values())
    for readable in judged.values():
        lateness = [_lateness(stored, calm) for stored in readable]
        for place in _places(readable, rules) | {place for stored in readable for place in steps.get(stored.key, {})}:
            judge = _Judge(rules, {key: its[place] for key, its in steps.items() if place in its}, found)
            for stored, may_be_late in zip(readable, lateness, strict=True):
                judge.take(_alone(stored, place), may_be_late)
            judge.end()
    folded = {stored.key for readable in judged.values() for stored in readable}
    found.foreign |= {
        step for key, its in steps.items() if key not in folded for those in its.values() for step in those
    }
    return found


@cache
def rules_as_shipped() -> Sequence[Rule]:
    """Read once: each reading runs their examples."""
    return load_rules()


def rules_of_timers() -> frozenset[str]:
    """Their incidents belong to no single record."""
    return frozenset(rule.rule_id for rule in rules_as_shipped() if rule.kind in TIMED)


Steps = dict[IncidentStep, IncidentStep]  # each step by itself: equal ones differ in what they do not compare


class _Judge:
    """One check of one agent: its snapshots, one after another, against what the database says of each."""

    def __init__(self, rules: RuleSet, steps: Mapping[Key, Steps], found: Differences) -> None:
        self._rules, self._steps, self._found = rules, steps, found
        self._stories = [Story()]
        self._before: StoredSnapshot | None = None

    def take(self, stored: StoredSnapshot, lateness: Sequence[bool]) -> None:
        after_silence = _is_after_silence(stored, self._before)
        chapters = [
            _chapter(story, stored, self._rules, is_late=is_late, after_silence=after_silence)
            for story in self._stories
            for is_late in lateness
        ]
        chapters += [later for chapter in chapters for later in _told_by_the_clock(chapter, stored.key)]
        shown = set(self._steps.get(stored.key, {}))
        true = [chapter for chapter in chapters if chapter.steps == shown and not self._misdated(chapter.ended)]
        if not true:
            true = [min(chapters, key=lambda each: (len(each.steps ^ shown), len(self._misdated(each.ended))))]
            self._found.missing |= true[0].steps - shown
            self._found.foreign |= shown - true[0].steps
            self._found.misdated |= self._misdated(true[0].ended)
        self._stories = _different(chapter.story for chapter in true)
        self._before = stored

    def end(self) -> None:
        """What is open in the end is called late as long as no live record has shown it."""
        wrong = [
            self._misdated({opening: place in story.unheard for place, opening in story.opened.items()})
            for story in self._stories
        ]
        self._found.misdated |= min(wrong, key=len)

    def _misdated(self, openings: Mapping[IncidentStep, bool]) -> set[IncidentStep]:
        return {
            opening
            for opening, is_late in openings.items()
            if (known := self._steps.get(opening.key, {}).get(opening)) is not None and known.is_late is not is_late
        }


def _steps_by_record(kept: Kept) -> Mapping[Key, Mapping[Place, Steps]]:
    others = OWN_RULES | rules_of_timers()
    agents = {snapshot.key.agent_id for snapshot in kept.snapshots}
    found: dict[Key, dict[Place, Steps]] = defaultdict(lambda: defaultdict(dict))
    for step in kept.incidents:
        if step.agent_id in agents and step.rule not in others:
            found[step.key][step.rule, step.subject][step] = step
    return found


def _places(readable: Sequence[StoredSnapshot], rules: RuleSet) -> set[Place]:
    """The checks that ever were anything but calm."""
    story = Story()
    for stored in readable:
        story = _chapter(story, stored, rules, is_late=False, after_silence=False).story
    return set(story.checks)


def _alone(stored: StoredSnapshot, place: Place) -> StoredSnapshot:
    """With what feeds this check, and nothing else."""
    rule_id, subject = place
    metric = next((rule.metric for rule in rules_as_shipped() if rule.rule_id == rule_id), "")
    name = f"{metric}{{{subject}}}" if subject else metric
    results = [result for result in stored.extra.get("checks", ()) if check_place(result["name"]) == place]
    readings = {name: stored.readings[name]} if name in stored.readings else {}
    return replace(stored, readings=readings, extra={**stored.extra, "checks": results})


def _in_order(kept: Kept) -> Mapping[str, list[StoredSnapshot]]:
    """What of each agent's was judged: of each batch what is newer than all before, by the number."""
    arrivals = [(item.received_ms, item.key, item) for item in kept.snapshots]
    others = [(received_ms, key, None) for key, received_ms in kept.others]
    by_agent: dict[str, list[tuple[int, Key, StoredSnapshot | None]]] = defaultdict(list)
    for arrival in (*arrivals, *others):
        by_agent[arrival[1].agent_id].append(arrival)
    return {agent_id: list(_newer_than_before(its)) for agent_id, its in by_agent.items()}


def _newer_than_before(arrivals: list[tuple[int, Key, StoredSnapshot | None]]) -> Iterator[StoredSnapshot]:
    newest = Key("", 0, 0)
    for _, batch in groupby(sorted(arrivals, key=lambda each: each[:2]), key=lambda each: each[0]):
        before = newest
        for _, key, stored in batch:
            if key > before and stored is not None:
                yield stored
            newest = max(newest, key)


def _lateness(stored: StoredSnapshot, calm: Calm | None) -> Sequence[bool]:
    """Whether the record was late when it was read, as far as that can be said from outside; not at all without a clock
    that agents and processor share."""
    if calm is None:
        return False, True
    age_ms = stored.received_ms - stored.wall_ms
    if is_late(age_ms - ROUNDING_MS, 0, _interval_ms(stored)):
        return (True,)
    return (False,) if age_ms <= PROMPT_MS and calm.holds_at(stored.received_ms) else (False, True)


def _is_after_silence(stored: StoredSnapshot, before: StoredSnapshot | None) -> bool:
    if before is None:
        return False
    longest_ms = STALE_AFTER_INTERVALS * max(_interval_ms(before), _interval_ms(stored))
    return stored.wall_ms - before.wall_ms > longest_ms


def _interval_ms(stored: StoredSnapshot) -> int:
    return round(float(stored.extra["interval_seconds"]) * 1000)


def _chapter(story: Story, stored: StoredSnapshot, rules: RuleSet, *, is_late: bool, after_silence: bool) -> Chapter:
    """As the processor takes in a snapshot: its readings, then what its active checks saw."""
    snapshot = _kept(stored)
    errors = stored.extra.get("errors", {})
    telling = _Telling(story, stored.key)
    circumstances = Circumstances(
        errors,
        after_silence,
        is_late,
        unheard=telling.unheard,
        recent=telling.recent,
        switched_off=stored.extra.get("switched_off", ()),
    )
    telling.take(fold_snapshot(snapshot, circumstances, telling.checks, rules, _no_remedies))
    results = msgspec.convert(stored.extra.get("checks", []), list[CheckResult])
    if results:
        circumstances = Circumstances(errors, after_silence, is_late, unheard=telling.unheard, recent=telling.recent)
        telling.take(fold_results(results, snapshot, circumstances, telling.checks, _no_remedies))
    return telling.chapter()


def _told_by_the_clock(chapter: Chapter, key: Key) -> Iterable[Chapter]:
    """What a late result of an active check said becomes news behind any record, once its agent is live again
    (`processor.late_results`)."""
    for place in chapter.story.unheard:
        if place[0] == CHECK_RULE:
            story = replace(chapter.story, unheard=chapter.story.unheard - {place})
            yield replace(chapter, story=story, steps=chapter.steps | {IncidentStep(*key, *place, Change.WORSENED)})


class _Telling:
    """A story while one record is taken in."""

    def __init__(self, story: Story, key: Key) -> None:
        self.checks, self.unheard, self.recent = dict(story.checks), story.unheard, story.recent
        self._opened, self._key = dict(story.opened), key
        self._steps: set[IncidentStep] = set()
        self._ended: dict[IncidentStep, bool] = {}

    def take(self, folded: Folded) -> None:
        self.checks |= {(check.key.rule, check.key.subject): check for check in folded.checks}
        self.recent = folded.recent
        for change in folded.incidents:
            if change.change is not Change.RESTATED:
                self._note(change)

    def chapter(self) -> Chapter:
        story = Story(self.checks, self.unheard, self.recent, self._opened)
        return Chapter(story, frozenset(self._steps), self._ended)

    def _note(self, change: IncidentChange) -> None:
        place = (change.key.rule, change.key.subject)
        step = IncidentStep(*self._key, *place, change.change.value)
        self._steps.add(step)
        if change.change is Change.OPENED:
            self._opened[place] = step
        elif change.change is Change.CLOSED and place in self._opened:
            self._ended[self._opened.pop(place)] = place in self.unheard
        self.unheard = frozenset(still_unheard(self.unheard, [change]))


def _different(stories: Iterator[Story]) -> list[Story]:
    found: list[Story] = []
    for story in stories:
        if story not in found:
            found.append(story)
    return found


def _no_remedies(*_of_what: object) -> tuple[Remedy, ...]:
    return ()


def _kept(stored: StoredSnapshot) -> KeptSnapshot:
    agent_id, epoch, seq = stored.key
    return KeptSnapshot(
        agent_id=agent_id,
        epoch=epoch,
        seq=seq,
        wall_ms=stored.wall_ms,
        received_ms=stored.received_ms,
        readings=stored.readings,
    )
