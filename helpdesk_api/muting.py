"""Who is muted, in words, and open incidents as muted people see them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy import Connection

from health.state import State
from helpdesk_api.times import moment
from helpdesk_api.words import STATE_WORDS
from store.incidents import OpenIncident
from store.model import Agent, CheckKey
from store.mute_windows import covers, covers_host, current_window
from store.mutes import mutes_in_force
from store.response import Mute


@dataclass(frozen=True)
class Muting:
    """The mutes in force at `now_ms`."""

    mutes: Sequence[Mute]
    now_ms: int

    @cached_property
    def _partial(self) -> Sequence[Mute]:
        return [mute for mute in self.mutes if not _is_whole(mute)]

    @cached_property
    def _whole(self) -> Sequence[Mute]:
        return [mute for mute in self.mutes if _is_whole(mute)]

    def of_host(self, agent: Agent) -> Mute | None:
        """What mutes the whole host, None when nothing does."""
        return next((mute for mute in self._whole if covers_host(mute, agent.agent_id, agent.group_name)), None)

    def of_incident(self, key: CheckKey, group_name: str, number: int) -> Mute | None:
        return next((mute for mute in self.mutes if covers(mute, key, group_name, number)), None)

    def host_words(self, agent: Agent) -> str:
        """Empty for a host that is not muted."""
        mute = self.of_host(agent)
        return self.words(mute) if mute else ""

    def words(self, mute: Mute) -> str:
        """Until when, why and who said so: Muted until 18:00 UTC (new disks, by ana)."""
        window = current_window(mute, self.now_ms)
        until = "it is lifted" if window is None or window.end_ms is None else until_words(window.end_ms, self.now_ms)
        return f"Muted until {until} ({mute.reason}, by {mute.author})"

    def hushed(self, incidents: Iterable[OpenIncident]) -> list[OpenIncident]:
        """The same incidents; those muted by themselves, not with their host, are in the state muted and say why."""
        return [self._hushed(incident) for incident in incidents]

    def _hushed(self, incident: OpenIncident) -> OpenIncident:
        key = CheckKey(incident.agent_id, incident.rule, incident.subject)
        found = (mute for mute in self._partial if covers(mute, key, incident.group_name, incident.number))
        mute = next(found, None)
        if mute is None:
            return incident
        told = f"{self.words(mute)}. Its own state: {STATE_WORDS[incident.severity]}: {incident.sentence}"
        return replace(incident, severity=State.MUTED, sentence=told)


def muting(connection: Connection, now_ms: int) -> Muting:
    return Muting(mutes_in_force(connection, now_ms), now_ms)


def until_words(at_ms: int, now_ms: int) -> str:
    """The time of day, with its date unless that is today's; UTC."""
    at = moment(at_ms)
    return at.strftime("%H:%M UTC" if at.date() == moment(now_ms).date() else "%Y-%m-%d %H:%M UTC")


def _is_whole(mute: Mute) -> bool:
    return mute.number is None and mute.rule is None and mute.subject is None
