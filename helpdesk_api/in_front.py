"""What stands before a host and explains its trouble: then that trouble has no incident of its own, and says why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from health.state import State
from helpdesk_api.agent_clock import correction_of
from helpdesk_api.condition import AGENT_SILENT
from helpdesk_api.fleet import NO_NUMBER
from helpdesk_api.muting import Muting
from helpdesk_api.words import STATE_WORDS
from store.behind import Behind
from store.dependencies import dependencies
from store.incidents import OpenIncident, open_incidents
from store.withheld import WithheldCheck, withheld_checks

OPENS_SOON = "no open incident explains it any more: it gets its own soon, unless it ends or one in front opens"


@dataclass(frozen=True, slots=True)
class InFront:
    """`explains` are open incidents, by the agents of hosts behind; `withheld` are checks in trouble without any."""

    explains: Mapping[str, OpenIncident]
    withheld: Sequence[WithheldCheck]

    def words(self, agent_id: str) -> str:
        """Behind what the host stands: behind gateway-1, which is down (#12). Empty when nothing explains it."""
        trouble = self.explains.get(agent_id)
        if trouble is None:
            return ""
        is_silent = trouble.rule == AGENT_SILENT
        how = "which is down" if is_silent else f"where {trouble.rule} is {STATE_WORDS[trouble.severity].lower()}"
        return f"behind {trouble.host_name or trouble.agent_id}, {how} (#{trouble.number})"

    def unopened(self) -> list[OpenIncident]:
        """The checks as the incidents that they are not: each says why, and has no number."""
        return [self._unopened(check) for check in self.withheld]

    def unexplained(self, unopened: Iterable[OpenIncident]) -> list[OpenIncident]:
        """Those that open soon, and are not told of as hosts that nobody hears."""
        return [one for one in unopened if one.agent_id not in self.explains and one.rule != AGENT_SILENT]

    def _unopened(self, check: WithheldCheck) -> OpenIncident:
        words, is_silent = self.words(check.key.agent_id), check.key.rule == AGENT_SILENT
        severity = State.STALE if is_silent else State.WARNING if check.state is State.OK else check.state
        since_ms = check.since_ms if is_silent else check.since_ms + correction_of(check.clock_offset_ms)
        thing = " ".join([check.key.rule, *check.key.subject.replace('="', " ").replace('"', "").split()])
        what = "no data" if is_silent else f"{thing} is {STATE_WORDS[severity].lower()}"
        why = f"{words}: no incident of its own" if words else OPENS_SOON
        return OpenIncident(
            number=NO_NUMBER,
            agent_id=check.key.agent_id,
            host_name=check.host_name,
            severity=severity,
            sentence=f"{what}, {why}",
            opened_ms=since_ms,
            rule=check.key.rule,
            subject=check.key.subject,
            group_name=check.group_name,
            acknowledged_by="",
            severity_since_ms=since_ms,
        )


def in_front(connection: Connection, mutes: Muting, agent_ids: Collection[str] | None = None) -> InFront:
    """Of these agents (None: all). What is muted, or was found in late records only, explains nothing."""
    withheld = withheld_checks(connection, agent_ids)
    known = dependencies(connection)
    children = {each.agent_id for each in known if agent_ids is None or each.agent_id in agent_ids}
    if not children:
        return InFront({}, withheld)
    troubles: dict[str, list[OpenIncident]] = {}
    for one in sorted(open_incidents(connection, {each.parent_agent_id for each in known}), key=lambda it: it.number):
        if not one.is_late and mutes.of_incident(one.key, one.group_name, one.number) is None:
            troubles.setdefault(one.agent_id, []).append(one)
    behind = Behind(known)
    found = {child: behind.explanation(child, lambda parent: troubles.get(parent, ())) for child in sorted(children)}
    return InFront({child: trouble for child, trouble in found.items() if trouble is not None}, withheld)
