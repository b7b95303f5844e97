"""Why nobody is to hear of an incident now: it is muted, or something else that people know of explains it. Pure.

The incident itself is changed and closed as ever; only its notices wait. That one is not opened at all is decided
elsewhere (`processor.withholding`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from processor.findings import AGENT_SILENT, GROUP_SILENT, PIPELINE
from processor.silence.family import WITHIN_MS, circles_of, subject_of
from store.behind import ABOUT_RECORDS, Behind
from store.model import HUB, Agent
from store.mute_windows import covers
from store.outbox import Facts
from store.response import Dependency, Mute


class Quiet:
    """What is muted and what is in trouble at one moment; `incidents` may hold closed ones, which suppress nothing."""

    def __init__(
        self, incidents: Iterable[Facts], mutes: Sequence[Mute] = (), dependencies: Iterable[Dependency] = ()
    ) -> None:
        self._mutes = mutes
        self._open: Mapping[str, list[Facts]] = defaultdict(list)
        self._behind = Behind(dependencies)
        for incident in incidents:
            if incident.closed_ms is None and not incident.is_late:
                self._open[incident.key.agent_id].append(incident)

    def reason(self, incident: Facts) -> str:
        """Why nobody hears of it, "" when they do.

        1. A mute or a downtime that covers it.
        2. Its host is silent: one notice says so, and what was known before is as old as that.
        3. The way of all records is in trouble, or its host is one of many that fell silent together.
        4. What stands before its host is in trouble that is not muted: a host that is critical or silent, or the check
           that is named (`store.behind`).
        """
        mute = self._mute(incident)
        if mute is not None:
            return f"muted: {mute.reason}"
        if incident.key.agent_id == HUB:
            return ""
        parent = self._silence(incident) or self._hub_trouble(incident) or self._parent_trouble(incident)
        return f"#{parent.number} explains it: {parent.host}: {parent.title}" if parent else ""

    def _silence(self, incident: Facts) -> Facts | None:
        if incident.key.rule == AGENT_SILENT.rule or incident.key.agent_id not in self._open:
            return None
        own = self._open[incident.key.agent_id]
        return next((other for other in own if other.key.rule == AGENT_SILENT.rule), None)

    def _hub_trouble(self, incident: Facts) -> Facts | None:
        for trouble in self._open.get(HUB, ()):
            if trouble.key.rule == PIPELINE.rule:
                return trouble
            is_family = trouble.key.rule == GROUP_SILENT.rule and incident.key.rule == AGENT_SILENT.rule
            if is_family and trouble.key.subject in _circles(incident) and _fell_with(incident, trouble):
                return trouble
        return None

    def _parent_trouble(self, incident: Facts) -> Facts | None:
        if incident.key.rule in ABOUT_RECORDS:
            return None
        return self._behind.explanation(incident.key.agent_id, self._told_of)

    def _told_of(self, agent_id: str) -> Iterable[Facts]:
        return (trouble for trouble in self._open.get(agent_id, ()) if self._mute(trouble) is None)

    def _mute(self, incident: Facts) -> Mute | None:
        its = (incident.key, incident.group_name, incident.number)
        return next((mute for mute in self._mutes if covers(mute, *its)), None)


def _fell_with(incident: Facts, family: Facts) -> bool:
    """Whether the host fell silent no later than its neighbours; the family's last news is that it has grown."""
    silent_since_ms = incident.opened_ms - incident.value * 1000
    return silent_since_ms <= family.updated_ms + WITHIN_MS


def _circles(incident: Facts) -> Sequence[str]:
    """What its agent has in common with others, as the hub's incidents name it."""
    agent = Agent(
        agent_id=incident.key.agent_id,
        first_seen_ms=0,
        last_seen_ms=0,
        group_name=incident.group_name,
        peer_host=incident.peer_host,
    )
    return [subject_of(circle) for circle in circles_of(agent)]
