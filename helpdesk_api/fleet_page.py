"""What the fleet page shows: how many are how, who needs somebody, and every host in one table."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from console.quantities import significant, span
from health.state import URGENCY, State
from helpdesk_api.condition import MOST_NAMED, SPOOL, Condition, condition_of
from helpdesk_api.fleet import worst_by_agent
from helpdesk_api.freshness import Freshness
from helpdesk_api.host_page import split_name
from helpdesk_api.in_front import InFront
from helpdesk_api.muting import Muting
from helpdesk_api.needs import Needs, hosts_behind, needs_of, silent_word
from helpdesk_api.words import NOT_REPORTED, STATE_WORDS, count, percent
from store.incidents import OpenIncident
from store.model import Agent, KeptSnapshot, Remedy

ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A host in the table; `old` when its values are from before it fell silent, `lacking` names what is missing.

    `own_word` is the state that a muted host would be in.
    """

    state: State
    word: str
    name: str
    href: str
    sentence: str
    cpu: str
    memory: str
    disk: str
    load: str
    seen: str
    scope: str
    version: str
    old: bool
    lacking: str
    own_word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """`excused_count` hosts have no fresh data for a reason that is not theirs."""

    rows_count: int
    excused_count: int
    counts: Sequence[tuple[State, str, int]]
    needs: Needs
    quiet_line: str
    rows: Sequence[Row]
    next_page: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What is read for a few only: an agent's newest snapshot, an incident's remedies by its number."""

    latest: Callable[[Agent], KeptSnapshot | None]
    remedies: Callable[[int], Sequence[Remedy]]


def fleet_view(
    agents: Sequence[Agent],
    incidents: Sequence[OpenIncident],
    errors: Mapping[str, Mapping[str, str]],
    freshness: Freshness,
    mutes: Muting,
    front: InFront,
    page_number: int,
    reads: Reads,
) -> FleetView:
    """Who needs somebody comes first, in the list and in the table. `page_number` counts from 1.

    `errors` is what was not measured, by agent, `front` what explains the trouble of hosts.
    """
    incidents, now_ms = mutes.hushed(incidents), mutes.now_ms
    unopened = mutes.hushed(front.unopened())
    worst = worst_by_agent([*incidents, *unopened])
    conditions = {
        agent.agent_id: condition_of(
            agent, worst.get(agent.agent_id), errors.get(agent.agent_id, {}), freshness, now_ms, mutes.host_words(agent)
        )
        for agent in agents
    }
    ordered = sorted(
        agents,
        key=lambda one: (
            one.is_retired,
            URGENCY[conditions[one.agent_id].state],
            one.agent_id not in errors,
            one.name,
            one.agent_id,
        ),
    )
    first = (page_number - 1) * ROWS
    excused = sum(one.excused for one in conditions.values())
    behind = hosts_behind(agents, incidents, conditions, front)
    return FleetView(
        rows_count=len(agents),
        excused_count=excused,
        counts=_counts(conditions.values()),
        needs=needs_of(agents, incidents, conditions, now_ms, reads.remedies, behind, front.unexplained(unopened)),
        quiet_line=_quiet_line(conditions, errors, excused, sum(map(len, behind.values()))),
        rows=[
            _row(agent, conditions[agent.agent_id], errors.get(agent.agent_id, {}), reads.latest(agent), now_ms)
            for agent in ordered[first : first + ROWS]
        ],
        next_page=page_number + 1 if len(ordered) > first + ROWS else None,
    )


def _counts(conditions: Collection[Condition]) -> list[tuple[State, str, int]]:
    states = Counter(one.state for one in conditions if not one.is_retired)
    retired = sum(one.is_retired for one in conditions)
    told = [(state, STATE_WORDS[state], states[state]) for state in State if states[state]]
    return [*told, *([(State.MUTED, "Retired", retired)] if retired else [])]


def _word(condition: Condition, agent: Agent, now_ms: int) -> str:
    if condition.is_muted:
        return condition.sentence.partition(" (")[0]
    if condition.state is not State.STALE:
        return STATE_WORDS[condition.state]
    return "No fresh data" if condition.excused else silent_word(agent, now_ms)


def _quiet_line(conditions: Mapping[str, Condition], errors: Mapping[str, object], excused: int, behind: int) -> str:
    states = Counter(one.state for one in conditions.values() if not one.is_retired)
    retired = sum(one.is_retired for one in conditions.values())
    fine, waiting, muted = states[State.OK], states[State.WAITING], states[State.MUTED]
    lacking = [conditions[agent_id].state for agent_id in errors if agent_id in conditions]
    in_part = sum(state in (State.OK, State.UNKNOWN) for state in lacking)
    every = "All " if fine > 1 and fine == len(conditions) else ""
    told = [f"{every}{count(fine, 'host')} OK."] if fine else []
    if waiting:
        told.append(f"{count(waiting, 'host')} waiting for the first report.")
    if muted:
        told.append(f"{count(muted, 'host')} muted.")
    if retired:
        told.append(f"{count(retired, 'host')} retired.")
    if behind:
        told.append(f"{count(behind, 'host')} behind others in trouble.")
    if in_part:
        told.append(f"{count(in_part, 'host')} not measured in full.")
    if excused:
        told.append(f"{count(excused, 'host')} without fresh data.")
    return " ".join(told)


def _row(
    agent: Agent, condition: Condition, errors: Mapping[str, str], snapshot: KeptSnapshot | None, now_ms: int
) -> Row:
    old = condition.no_news is not None
    readings = snapshot.readings if snapshot else {}
    load = readings.get("load.1m")
    return Row(
        state=condition.state,
        word=_word(condition, agent, now_ms),
        name=agent.name,
        href=f"/h/{agent.agent_id}",
        sentence=condition.sentence,
        cpu=percent(readings.get("cpu.usage_percent")),
        memory=percent(readings.get("memory.usage_percent")),
        disk=_fullest_disk(readings),
        load=NOT_REPORTED if load is None else significant(load),
        seen=f"{span((now_ms - agent.last_seen_ms) / 1000)} ago",
        scope=agent.scope or NOT_REPORTED,
        version=agent.agent_version or NOT_REPORTED,
        old=old,
        lacking="" if old else _lacking(errors),
        own_word=STATE_WORDS[condition.own_state] if condition.own_state is not condition.state else "",
    )


def _lacking(errors: Mapping[str, str]) -> str:
    parts = sorted({split_name(part)[0] for part in errors if part != SPOOL})
    told = [f"Not measured: {', '.join(parts[:MOST_NAMED])}"] if parts else []
    return "; ".join([*(["Records not on disk"] if SPOOL in errors else []), *told])


def _fullest_disk(readings: Mapping[str, float]) -> str:
    disks = {name: value for name, value in readings.items() if name.startswith("disk.usage_percent{")}
    if not disks:
        return NOT_REPORTED
    fullest = max(disks, key=disks.__getitem__)
    return f"{percent(disks[fullest])} {split_name(fullest)[1]}"
