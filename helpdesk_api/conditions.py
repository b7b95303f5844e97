"""How several hosts are, read from the store in a few queries."""

from collections.abc import Sequence

from sqlalchemy import Connection

from helpdesk_api.condition import Condition, condition_of
from helpdesk_api.desk import Desk
from helpdesk_api.fleet import worst_by_agent
from helpdesk_api.freshness import freshness
from helpdesk_api.in_front import in_front
from helpdesk_api.muting import muting
from store.incidents import open_incidents
from store.model import Agent


def conditions_of(desk: Desk, connection: Connection, agents: Sequence[Agent]) -> dict[str, Condition]:
    """By agent id; what was not measured is left out of the sentences."""
    now_ms = desk.now_ms()
    mutes, fresh = muting(connection, now_ms), freshness(desk, connection)
    unopened = in_front(connection, mutes).unopened()
    worst = worst_by_agent(mutes.hushed([*open_incidents(connection), *unopened]))
    return {
        agent.agent_id: condition_of(agent, worst.get(agent.agent_id), {}, fresh, now_ms, mutes.host_words(agent))
        for agent in agents
    }
