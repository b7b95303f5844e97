"""What the fleet page shows: how many are how, who needs somebody, and every host in one table."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from helpdesk_api.condition import sentence_of, silence
from helpdesk_api.fleet import worst_by_agent
from helpdesk_api.host_page import split_name
from helpdesk_api.words import NOT_REPORTED, STATE_WORDS, count, percent, significant, span
from store.model import URGENCY, Agent, Incident, KeptSnapshot, State, Step, agent_state

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
    step: Step | None
    fix_href: str
    fix_word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A host in the table; `old` when its values are from before it fell silent."""

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


def fleet_view(
    agents: Sequence[Agent],
    incidents: Sequence[Incident],
    now_ms: int,
    page_number: int,
    latest: Callable[[Agent], KeptSnapshot | None],
) -> FleetView:
    """Who needs somebody comes first, in the list and in the table. `page_number` counts from 1."""
    worst = worst_by_agent(incidents)
    states = {agent.agent_id: _state(agent, worst, now_ms) for agent in agents}
    ordered = sorted(agents, key=lambda agent: (URGENCY[states[agent.agent_id]], agent.name, agent.agent_id))
    first = (page_number - 1) * ROWS
    needs = _needs(agents, incidents, now_ms)
    return FleetView(
        rows_count=len(agents),
        counts=_counts(Counter(states.values())),
        needs=needs[:MAX_NEEDS],
        needs_count=len(needs),
        needs_hidden=max(0, len(needs) - MAX_NEEDS),
        quiet_line=_quiet_line(Counter(states.values())),
        rows=[
            _row(agent, states[agent.agent_id], worst.get(agent.agent_id), latest(agent), now_ms)
            for agent in ordered[first : first + ROWS]
        ],
        next_page=page_number + 1 if len(ordered) > first + ROWS else None,
    )


def _state(agent: Agent, worst: Mapping[str, Incident], now_ms: int) -> State:
    incident = worst.get(agent.agent_id)
    return agent_state(agent, incident.severity if incident else None, now_ms)


def _counts(states: Counter[State]) -> list[tuple[State, str, int]]:
    return [(state, STATE_WORDS[state], states[state]) for state in State if states[state]]


def _needs(agents: Sequence[Agent], incidents: Sequence[Incident], now_ms: int) -> list[Need]:
    needs = [_incident_need(incident) for incident in incidents]
    needs += [_silence_need(agent, reason, now_ms) for agent in agents if (reason := silence(agent, now_ms))]
    return sorted(needs, key=lambda need: (URGENCY[need.state], need.since_ms))


def _incident_need(incident: Incident) -> Need:
    fixes = len(incident.remedies)
    return Need(
        state=incident.severity,
        word=STATE_WORDS[incident.severity],
        host=incident.host_name or incident.key.agent_id,
        href=f"/h/{incident.key.agent_id}",
        since_ms=incident.opened_ms,
        sentence=incident.sentence,
        step=incident.remedies[0].steps[0] if fixes and incident.remedies[0].steps else None,
        fix_href=f"/i/{incident.number}#fix-1" if fixes else f"/i/{incident.number}",
        fix_word="See fix" if fixes == 1 else f"See {fixes} fixes" if fixes else "Open",
    )


def _silence_need(agent: Agent, reason: str, now_ms: int) -> Need:
    return Need(
        state=State.STALE,
        word=_silent_word(agent, now_ms),
        host=agent.name,
        href=f"/h/{agent.agent_id}",
        since_ms=agent.last_seen_ms,
        sentence=reason,
        step=None,
        fix_href=f"/h/{agent.agent_id}",
        fix_word="Open",
    )


def _silent_word(agent: Agent, now_ms: int) -> str:
    return f"{STATE_WORDS[State.STALE]} {span((now_ms - agent.last_seen_ms) / 1000)}"


def _quiet_line(states: Counter[State]) -> str:
    fine, waiting = states[State.OK], states[State.WAITING]
    every = "All " if fine > 1 and not waiting else ""
    told = [f"{every}{count(fine, 'host')} OK."] if fine else []
    if waiting:
        told.append(f"{count(waiting, 'host')} waiting for the first report.")
    return " ".join(told)


def _row(agent: Agent, state: State, worst: Incident | None, snapshot: KeptSnapshot | None, now_ms: int) -> Row:
    readings = snapshot.readings if snapshot else {}
    load = readings.get("load.1m")
    return Row(
        state=state,
        word=_silent_word(agent, now_ms) if state is State.STALE else STATE_WORDS[state],
        name=agent.name,
        href=f"/h/{agent.agent_id}",
        sentence=sentence_of(agent, worst, now_ms),
        cpu=percent(readings.get("cpu.usage_percent")),
        memory=percent(readings.get("memory.usage_percent")),
        disk=_fullest_disk(readings),
        load=NOT_REPORTED if load is None else significant(load),
        seen=f"{span((now_ms - agent.last_seen_ms) / 1000)} ago",
        scope=agent.scope or NOT_REPORTED,
        version=agent.agent_version or NOT_REPORTED,
        old=not agent.is_connected(now_ms),
    )


def _fullest_disk(readings: Mapping[str, float]) -> str:
    disks = {name: value for name, value in readings.items() if name.startswith("disk.usage_percent{")}
    if not disks:
        return NOT_REPORTED
    fullest = max(disks, key=disks.__getitem__)
    return f"{percent(disks[fullest])} {split_name(fullest)[1]}"
