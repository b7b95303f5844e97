"""What the fleet page shows: how many are how, who needs somebody, and every host in one table."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from health.state import URGENCY, State
from helpdesk_api.condition import MOST_NAMED, SPOOL, Condition, condition_of
from helpdesk_api.fleet import worst_by_agent
from helpdesk_api.freshness import Freshness
from helpdesk_api.host_page import split_name
from helpdesk_api.words import NOT_REPORTED, STATE_WORDS, count, percent, significant, span
from store.model import Agent, KeptSnapshot, OpenIncident, Remedy, Step

ROWS = 100
MAX_NEEDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that needs somebody: an open incident, or a host nobody hears."""

    state: State
    word: str
    host: str
    href: str
    since_ms: int
    sentence: str
    fix_href: str
    fix_word: str = "Open"
    step: Step | None = None
    number: int | None = None  # the incident's


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A host in the table; `old` when its values are from before it fell silent, `lacking` names what is missing."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """`excused_count` hosts have no fresh data for a reason that is not theirs."""

    rows_count: int
    excused_count: int
    counts: Sequence[tuple[State, str, int]]
    needs: Sequence[Need]
    needs_count: int
    needs_hidden: int
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
    now_ms: int,
    page_number: int,
    reads: Reads,
) -> FleetView:
    """Who needs somebody comes first, in the list and in the table. `page_number` counts from 1.

    `errors` is what was not measured, by agent.
    """
    worst = worst_by_agent(incidents)
    conditions = {
        agent.agent_id: condition_of(
            agent, worst.get(agent.agent_id), errors.get(agent.agent_id, {}), freshness, now_ms
        )
        for agent in agents
    }
    ordered = sorted(
        agents,
        key=lambda one: (URGENCY[conditions[one.agent_id].state], one.agent_id not in errors, one.name, one.agent_id),
    )
    first = (page_number - 1) * ROWS
    needs = _needs(agents, incidents, conditions, now_ms)
    excused = sum(one.excused for one in conditions.values())
    return FleetView(
        rows_count=len(agents),
        excused_count=excused,
        counts=_counts(Counter(one.state for one in conditions.values())),
        needs=[_with_fix(need, reads) for need in needs[:MAX_NEEDS]],
        needs_count=len(needs),
        needs_hidden=max(0, len(needs) - MAX_NEEDS),
        quiet_line=_quiet_line(conditions, errors, excused),
        rows=[
            _row(agent, conditions[agent.agent_id], errors.get(agent.agent_id, {}), reads.latest(agent), now_ms)
            for agent in ordered[first : first + ROWS]
        ],
        next_page=page_number + 1 if len(ordered) > first + ROWS else None,
    )


def _counts(states: Counter[State]) -> list[tuple[State, str, int]]:
    return [(state, STATE_WORDS[state], states[state]) for state in State if states[state]]


def _needs(
    agents: Sequence[Agent], incidents: Sequence[OpenIncident], conditions: Mapping[str, Condition], now_ms: int
) -> list[Need]:
    """A host that is not to blame for its silence is none: what is to blame stands above all."""
    needs = [_incident_need(incident) for incident in incidents]
    silent = [(agent, conditions[agent.agent_id]) for agent in agents]
    needs += [_silence_need(agent, one.no_news, now_ms) for agent, one in silent if one.no_news and not one.excused]
    return sorted(needs, key=lambda need: (URGENCY[need.state], need.since_ms, need.number or 0))


def _incident_need(incident: OpenIncident) -> Need:
    return Need(
        state=incident.severity,
        word=STATE_WORDS[incident.severity],
        host=incident.host_name or incident.agent_id,
        href=f"/h/{incident.agent_id}",
        since_ms=incident.opened_ms,
        sentence=incident.sentence,
        fix_href=f"/i/{incident.number}",
        number=incident.number,
    )


def _with_fix(need: Need, reads: Reads) -> Need:
    remedies = () if need.number is None else reads.remedies(need.number)
    if not remedies:
        return need
    return replace(
        need,
        step=remedies[0].steps[0] if remedies[0].steps else None,
        fix_href=f"{need.fix_href}#fix-1",
        fix_word="See fix" if len(remedies) == 1 else f"See {len(remedies)} fixes",
    )


def _silence_need(agent: Agent, reason: str, now_ms: int) -> Need:
    return Need(
        state=State.STALE,
        word=_silent_word(agent, now_ms),
        host=agent.name,
        href=f"/h/{agent.agent_id}",
        since_ms=agent.data_ms,
        sentence=reason,
        fix_href=f"/h/{agent.agent_id}",
    )


def _word(condition: Condition, agent: Agent, now_ms: int) -> str:
    if condition.state is not State.STALE:
        return STATE_WORDS[condition.state]
    return "No fresh data" if condition.excused else _silent_word(agent, now_ms)


def _silent_word(agent: Agent, now_ms: int) -> str:
    word = STATE_WORDS[State.STALE]
    return f"{word} {span((now_ms - agent.data_ms) / 1000)}" if agent.data_ms <= now_ms else word


def _quiet_line(conditions: Mapping[str, Condition], errors: Mapping[str, object], excused: int) -> str:
    states = Counter(one.state for one in conditions.values())
    fine, waiting = states[State.OK], states[State.WAITING]
    in_part = sum(agent_id in conditions and conditions[agent_id].state is State.OK for agent_id in errors)
    every = "All " if fine > 1 and fine == len(conditions) else ""
    told = [f"{every}{count(fine, 'host')} OK."] if fine else []
    if waiting:
        told.append(f"{count(waiting, 'host')} waiting for the first report.")
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
