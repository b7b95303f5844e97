"""Incidents with what surrounds them: who mutes them, what was sent about them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from helpdesk_api.muting import Muting
from store.agents import group_names
from store.model import Incident
from store.response import Mute


def mutes_of(connection: Connection, incidents: Sequence[Incident], mutes: Muting) -> dict[int, Mute]:
    """The mute in force of each open incident that has one, by the incident's number."""
    if not mutes.mutes:
        return {}
    groups = group_names(connection, {incident.key.agent_id for incident in incidents})
    found = {
        one.number: mutes.of_incident(one.key, groups.get(one.key.agent_id, ""), one.number)
        for one in incidents
        if one.closed_ms is None
    }
    return {number: mute for number, mute in found.items() if mute is not None}
