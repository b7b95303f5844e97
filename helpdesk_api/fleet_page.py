"""What the fleet page shows: how many are how, who needs somebody, and every host in one table."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from helpdesk_api.condition import MOST_NAMED, sentence_of, silence
from helpdesk_api.fleet import worst_by_agent
from helpdesk_api.host_page import split_name
from helpdesk_api.words import NOT_REPORTED, STATE_WORDS, count, percent, significant, span
from store.model import URGENCY, Agent, KeptSnapshot, OpenIncident, Remedy, State, Step, agent_state

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
    rows_count: int
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
    now_ms: int,
    page_number: int,
    reads: Reads,
) -> FleetView:
    """Who needs somebody comes first, in the list and in the table. `page_number` counts from 1.

    `errors` is what was not measured, by agent.
    """
    worst = worst_by_agent(incidents)
    states = {agent.agent_id: _state(agent, worst, now_ms) for agent in agents}
    ordered = sorted(
        agents,
        key=lambda one: (URGENCY[states[one.agent_id]], one.agent_id not in errors, one.name, one.agent_id),
    )
    first = (page_number - 1) * ROWS
    needs = _needs(agents, incidents, now_ms)
    return FleetView(
        rows_count=len(agents),
        counts=_counts(Counter(states.values())),
        needs=[_with_fix(need, reads) for need in needs[:MAX_NEEDS]],
        needs_count=len(needs),
        needs_hidden=max(0, len(needs) - MAX_NEEDS),
        quiet_line=_quiet_line(Counter(states.values()), sum(states.get(one) is State.OK for one in errors)),
        rows=[
            _row(agent, worst.get(agent.agent_id), errors.get(agent.agent_id, {}), reads.latest(agent), now_ms)
            for agent in ordered[first : first + ROWS]
        ],
        next_page=page_number + 1 if len(ordered) > first + ROWS else None,
    )


def _state(agent: Agent, worst: Mapping[str, OpenIncident], now_ms: int) -> State:
    incident = worst.get(agent.agent_id)
    return agent_state(agent, incident.severity if incident else None, now_ms)


def _counts(states: Counter[State]) -> list[tuple[State, str, int]]:
    return [(state, STATE_WORDS[state], states[state]) for state in State if states[state]]


def _needs(agents: Sequence[Agent], incidents: Sequence[OpenIncident], now_ms: int) -> list[Need]:
    needs = [_incident_need(incident) for incident in incidents]
    needs += [_silence_need(agent, reason, now_ms) for agent in agents if (reason := silence(agent, now_ms))]
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


def _silent_word(agent: Agent, now_ms: int) -> str:
    word = STATE_WORDS[State.STALE]
    return f"{word} {span((now_ms - agent.data_ms) / 1000)}" if agent.data_ms <= now_ms else word


def _quiet_line(states: Counter[State], measured_in_part: int) -> str:
    fine, waiting = states[State.OK], states[State.WAITING]
    every = "All " if fine > 1 and not waiting else ""
    told = [f"{every}{count(fine, 'host')} OK."] if fine else []
    if waiting:
        told.append(f"{count(waiting, 'host')} waiting for the first report.")
    if measured_in_part:
        told.append(f"{count(measured_in_part, 'host')} not measured in full.")
    return " ".join(told)


def _row(
    agent: Agent,
    worst: OpenIncident | None,
    errors: Mapping[str, str],
    snapshot: KeptSnapshot | None,
    now_ms: int,
) -> Row:
    state = agent_state(agent, worst.severity if worst else None, now_ms)
    old = silence(agent, now_ms) is not None
    readings = snapshot.readings if snapshot else {}
    load = readings.get("load.1m")
    return Row(
        state=state,
        word=_silent_word(agent, now_ms) if state is State.STALE else STATE_WORDS[state],
        name=agent.name,
        href=f"/h/{agent.agent_id}",
        sentence=sentence_of(agent, worst, errors, now_ms),
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
    parts = sorted({split_name(part)[0] for part in errors})
    return f"Not measured: {', '.join(parts[:MOST_NAMED])}" if parts else ""


def _fullest_disk(readings: Mapping[str, float]) -> str:
    disks = {name: value for name, value in readings.items() if name.startswith("disk.usage_percent{")}
    if not disks:
        return NOT_REPORTED
    fullest = max(disks, key=disks.__getitem__)
    return f"{percent(disks[fullest])} {split_name(fullest)[1]}"
