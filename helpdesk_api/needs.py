"""What needs somebody: open incidents nobody looks after, families of them as one, and hosts nobody hears."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.quantities import span
from health.state import URGENCY, State
from helpdesk_api.condition import Condition
from helpdesk_api.families import Family, families
from helpdesk_api.in_front import InFront
from helpdesk_api.places import place_href, place_name
from helpdesk_api.words import STATE_WORDS, count
from store.incidents import OpenIncident
from store.model import HUB, Agent, Remedy, Step

MOST_SHOWN = 8
MOST_MEMBERS = 12
AGENT_SILENT = "agent-silent"  # the rule of the incident that tells of a host's silence


HostsBehind = Mapping[int, Sequence[Agent]]
"""From the number of an open incident to the agents of the hosts behind it that have none of their own."""


@dataclass(frozen=True, slots=True)
class Member:
    """A host of a family, with its own incident, or one behind it, with its page."""

    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that needs somebody. `members` are the hosts of a family, `members_hidden` how many more it has.

    `behind` are the first of the hosts behind it that it explains: they have no incidents of their own.
    """

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
    of_hub: bool = False
    members: Sequence[Member] = ()
    members_hidden: int = 0
    behind: Sequence[Member] = ()
    behind_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The first of `count` and so on; `taken` incidents are looked after, `muted` ones are not to be heard of."""

    shown: Sequence[Need]
    count: int
    taken: Sequence[Need]
    taken_count: int
    muted: Sequence[Need]
    muted_count: int

    @property
    def hidden(self) -> int:
        return self.count - len(self.shown)

    @property
    def taken_hidden(self) -> int:
        return self.taken_count - len(self.taken)

    @property
    def muted_hidden(self) -> int:
        return self.muted_count - len(self.muted)


def needs_of(
    agents: Sequence[Agent],
    incidents: Sequence[OpenIncident],
    conditions: Mapping[str, Condition],
    now_ms: int,
    remedies: Callable[[int], Sequence[Remedy]],
    behind: HostsBehind,
    unopened: Sequence[OpenIncident],
) -> Needs:
    """What is wrong with the way of all records comes first: it explains the rest.

    A host that is not to blame for its silence is none: what is to blame stands above all. Nor is one `behind` the
    trouble of another: it is told of with that. `unopened` are incidents to come: nothing explains them any more.
    """
    heard = [one for one in incidents if not _is_muted(one, conditions)]
    muted = [_incident_need(one) for one in incidents if _is_muted(one, conditions)]
    loose = [one for one in heard if not one.acknowledged_by]
    taken = [one for one in heard if one.acknowledged_by]
    told = families(loose)
    in_family = {one.number for family in told for one in family.incidents}
    needs = [_family_need(family, behind) for family in told]
    needs += [_with_behind(_incident_need(one), [one], behind) for one in loose if one.number not in in_family]
    needs += [_unopened_need(one) for one in unopened if not _is_muted(one, conditions)]
    explained = {agent.agent_id for hosts in behind.values() for agent in hosts}
    told_silent = {one.agent_id for one in heard if one.rule == AGENT_SILENT}
    needs += [
        _silence_need(agent, one.no_news, now_ms)
        for agent in agents
        if agent.agent_id not in told_silent | explained
        and (one := conditions[agent.agent_id]).no_news
        and not one.excused
        and not one.is_muted
    ]
    ordered = sorted(needs, key=lambda need: (not need.of_hub, *_urgency(need)))
    looked_after = sorted((_taken_need(one, behind) for one in taken), key=_urgency)
    return Needs(
        shown=[_with_fix(need, remedies) for need in ordered[:MOST_SHOWN]],
        count=len(needs),
        taken=looked_after[:MOST_SHOWN],
        taken_count=len(taken),
        muted=sorted(muted, key=_urgency)[:MOST_SHOWN],
        muted_count=len(muted),
    )


def hosts_behind(
    agents: Sequence[Agent], incidents: Sequence[OpenIncident], conditions: Mapping[str, Condition], front: InFront
) -> HostsBehind:
    """Who is in trouble without an incident that says so, by the number of the incident in front that explains it."""
    told_silent = {one.agent_id for one in incidents if one.rule == AGENT_SILENT}
    withheld = {check.key.agent_id for check in front.withheld}
    found: dict[int, list[Agent]] = {}
    for agent in agents:
        trouble, condition = front.explains.get(agent.agent_id), conditions[agent.agent_id]
        is_silent = condition.no_news and not condition.excused and agent.agent_id not in told_silent
        if trouble is not None and not condition.is_muted and (is_silent or agent.agent_id in withheld):
            found.setdefault(trouble.number, []).append(agent)
    return found


def silent_word(agent: Agent, now_ms: int) -> str:
    word = STATE_WORDS[State.STALE]
    return f"{word} {span((now_ms - agent.data_ms) / 1000)}" if agent.data_ms <= now_ms else word


def _is_muted(incident: OpenIncident, conditions: Mapping[str, Condition]) -> bool:
    host = conditions.get(incident.agent_id)
    return incident.severity is State.MUTED or (host is not None and host.is_muted)


def _urgency(need: Need) -> tuple[int, int, int]:
    return URGENCY[need.state], need.since_ms, need.number or 0


def _incident_need(incident: OpenIncident) -> Need:
    return Need(
        state=incident.severity,
        word=STATE_WORDS[incident.severity],
        host=place_name(incident.agent_id, incident.host_name, incident.subject),
        href=place_href(incident.agent_id, incident.number),
        since_ms=incident.severity_since_ms,
        sentence=incident.sentence,
        fix_href=f"/i/{incident.number}",
        number=incident.number,
        of_hub=incident.agent_id == HUB,
    )


def _taken_need(incident: OpenIncident, behind: HostsBehind) -> Need:
    need, hosts = _incident_need(incident), len(behind.get(incident.number, ()))
    told = f", {count(hosts, 'host')} behind it" if hosts else ""
    return replace(need, sentence=f"{need.sentence} (acknowledged by {incident.acknowledged_by}){told}")


def _unopened_need(incident: OpenIncident) -> Need:
    return replace(_incident_need(incident), fix_href=f"/h/{incident.agent_id}", number=None)


def _with_behind(need: Need, incidents: Sequence[OpenIncident], behind: HostsBehind) -> Need:
    hosts = [agent for one in incidents for agent in behind.get(one.number, ())]
    members = [Member(agent.name, f"/h/{agent.agent_id}") for agent in hosts[:MOST_MEMBERS]]
    return replace(need, behind=members, behind_count=len(hosts))


def _family_need(family: Family, behind: HostsBehind) -> Need:
    hosts = family.hosts
    need = _with_behind(_incident_need(family.worst), family.incidents, behind)
    members = [Member(one.host_name or one.agent_id, f"/i/{one.number}") for one in hosts[:MOST_MEMBERS]]
    return replace(
        need,
        host=f"{len(hosts)} hosts",
        href=need.fix_href,
        since_ms=min(one.severity_since_ms for one in family.incidents if one.severity is family.severity),
        sentence=family.sentence,
        members=members,
        members_hidden=len(hosts) - len(members),
    )


def _with_fix(need: Need, remedies: Callable[[int], Sequence[Remedy]]) -> Need:
    found = () if need.number is None else remedies(need.number)
    if not found:
        return need
    return replace(
        need,
        step=found[0].steps[0] if found[0].steps else None,
        fix_href=f"{need.fix_href}#fix-1",
        fix_word="See fix" if len(found) == 1 else f"See {len(found)} fixes",
    )


def _silence_need(agent: Agent, reason: str | None, now_ms: int) -> Need:
    return Need(
        state=State.STALE,
        word=silent_word(agent, now_ms),
        host=agent.name,
        href=f"/h/{agent.agent_id}",
        since_ms=agent.data_ms,
        sentence=reason or "",
        fix_href=f"/h/{agent.agent_id}",
    )
