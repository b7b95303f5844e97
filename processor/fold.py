"""What is observed of one agent against its checks: which move, and which incidents that opens, changes or closes."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from health.state import State
from processor import vanished
from processor.check_results import check_place, judge_result
from processor.evaluators.threshold import not_calm
from processor.judgement import Judged, Origin, RemedyFinder, closed, judge
from processor.observation import Observation
from processor.recent import NOTHING, Recent, look_back
from processor.rule_set import Place, RuleSet
from rabbitmq.records import CheckResult
from store.model import HUB, Agent, Change, Check, IncidentChange, KeptSnapshot


@dataclass(frozen=True, slots=True)
class Folded:
    """What changes: checks that moved (whole rows), incidents, and what is to be remembered of the readings."""

    checks: Sequence[Check]
    incidents: Sequence[IncidentChange]
    recent: Recent = NOTHING


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is to be known of a snapshot beside its readings.

    `errors` are failed collectors; `after_silence` says that there was silence before it; a late one (`is_late`) says
    nothing about now; `correction_ms` is added to its agent's clock where people read a time, nothing of the agent was
    before `first_seen_ms`. `unheard` are the checks whose incident late records opened, `withheld` those in trouble
    that have none because something explains them. `switched_off` are the metric groups that are not to be measured.
    """

    errors: Mapping[str, str]
    after_silence: bool
    is_late: bool = False
    correction_ms: int = 0
    first_seen_ms: int = 0
    group: str = ""
    unheard: AbstractSet[Place] = field(default_factory=frozenset)
    withheld: AbstractSet[Place] = field(default_factory=frozenset)
    recent: Recent = NOTHING
    switched_off: Collection[str] = ()


def fold_snapshot(
    snapshot: KeptSnapshot,
    circumstances: Circumstances,
    checks: Mapping[Place, Check],
    rules: RuleSet,
    find_remedies: RemedyFinder,
) -> Folded:
    """Evaluate every rule on the snapshot, given the agent's checks by place.

    1. Each reading under a rule, its rate and its absence move their check one step (`judge`).
    2. A check that the snapshot does not feed is looked at by `vanished`; what people were told of waits for a live
       one.
    3. Only what changed comes back.
    """
    group, wall_ms = circumstances.group, snapshot.wall_ms
    values = tuple(snapshot.readings.values())
    bound = rules.bound(tuple(snapshot.readings), group)
    if circumstances.switched_off:
        bound = bound.without_absences(circumstances.switched_off)
    found = not_calm(bound.thresholds, values, checks)
    recent = NOTHING
    if bound.rates or bound.absences:
        after_silence = circumstances.after_silence
        back = look_back(bound, values, wall_ms, circumstances.recent, checks, after_silence=after_silence)
        recent = back.recent
        found += [
            (probe, value)
            for probe, value in back.values
            if probe.place in checks or not probe.calm_from <= value <= probe.calm_until
        ]
    if not found and not checks:
        return Folded((), (), recent)  # most snapshots most of the time
    origin = origin_of(snapshot, circumstances)
    steps = [
        judge(
            Observation(rule=probe.rule, subject=probe.place[1], labels=probe.labels, value=value, at_ms=wall_ms),
            checks.get(probe.place),
            origin,
            find_remedies,
            is_unheard=probe.place in circumstances.unheard,
            is_withheld=probe.place in circumstances.withheld,
        )
        for probe, value in found
    ]
    for place, check in checks.items():
        if place not in bound.places:
            rule = rules.in_force(place[0], group)
            gone = vanished.look_at(check, snapshot, rule, circumstances.errors, circumstances.switched_off)
            steps.append(_gone(gone, check, wall_ms, origin, is_unheard=place in circumstances.unheard))
    return _folded(steps, recent)


def fold_observations(
    agent: Agent,
    observations: Sequence[Observation],
    checks: Mapping[Place, Check],
    find_remedies: RemedyFinder,
    now_ms: int,
    withheld: AbstractSet[Place] = frozenset(),
) -> Folded:
    """Move checks by values that timers computed, given the agent's checks by place; the agent may be the hub.

    What happens to incidents stands behind the agent's newest record; of the hub, which has none, behind the time.
    """
    origin = origin_by_time(agent, now_ms)
    moved = dict(checks)
    steps: list[Judged] = []
    for seen in observations:
        place = (seen.rule.rule_id, seen.subject)
        steps.append(judge(seen, moved.get(place), origin, find_remedies, is_withheld=place in withheld))
        withheld = still_withheld(withheld, steps[-1].incidents)
        if steps[-1].check is not None:
            moved[place] = steps[-1].check
    return _folded(steps, NOTHING)


def origin_by_time(agent: Agent, now_ms: int) -> Origin:
    seq = now_ms if agent.agent_id == HUB else agent.seq
    return Origin(
        agent_id=agent.agent_id, epoch=agent.epoch, seq=seq, received_ms=now_ms, first_seen_ms=agent.first_seen_ms
    )


def origin_of(snapshot: KeptSnapshot, circumstances: Circumstances) -> Origin:
    return Origin(
        agent_id=snapshot.agent_id,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        received_ms=snapshot.received_ms,
        after_silence=circumstances.after_silence,
        is_late=circumstances.is_late,
        correction_ms=circumstances.correction_ms,
        first_seen_ms=circumstances.first_seen_ms,
    )


def fold_results(
    results: Sequence[CheckResult],
    snapshot: KeptSnapshot,
    circumstances: Circumstances,
    checks: Mapping[Place, Check],
    find_remedies: RemedyFinder,
) -> Folded:
    """Move the active checks of an agent by what they saw, in the order in which they ended."""
    origin, moved = origin_of(snapshot, circumstances), dict(checks)
    unheard, withheld = circumstances.unheard, circumstances.withheld
    steps: list[Judged] = []
    for result in sorted(results, key=lambda each: each.wall_seconds):
        place = check_place(result.name)
        known = moved.get(place)
        if known is None and State(result.state) is State.OK:
            continue
        step = judge_result(
            result, known, origin, find_remedies, is_unheard=place in unheard, is_withheld=place in withheld
        )
        unheard = still_unheard(unheard, step.incidents)
        withheld = still_withheld(withheld, step.incidents)
        if step.check is not None:
            moved[place] = step.check
        steps.append(step)
    return _folded(steps, circumstances.recent)


def still_unheard(unheard: AbstractSet[Place], incidents: Sequence[IncidentChange]) -> AbstractSet[Place]:
    """Whose incidents were opened by late records and not yet confirmed by a live one, after these changes."""
    for change in incidents:
        place = (change.key.rule, change.key.subject)
        if change.change is Change.OPENED and change.is_late:
            unheard = unheard | {place}
        elif place in unheard and (change.change is Change.CLOSED or not change.is_late):
            unheard = unheard - {place}
    return unheard


def still_withheld(withheld: AbstractSet[Place], incidents: Sequence[IncidentChange]) -> AbstractSet[Place]:
    """Whose incidents were not opened, for what explains them, and are not opened by these changes either."""
    opened = {(change.key.rule, change.key.subject) for change in incidents if change.change is Change.OPENED}
    return withheld - opened if withheld else withheld


def _gone(gone: vanished.Gone, check: Check, at_ms: int, origin: Origin, *, is_unheard: bool) -> Judged:
    if gone.sentence and (is_unheard or not origin.is_late):
        return closed(check, at_ms, origin, gone.sentence)
    return Judged(gone.check if gone.check != check else None)


def _folded(steps: Sequence[Judged], recent: Recent) -> Folded:
    moved = {step.check.key: step.check for step in steps if step.check is not None}
    return Folded(list(moved.values()), [change for step in steps for change in step.incidents], recent)
