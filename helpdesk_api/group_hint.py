"""What to know of a group that no agent is in: a name that is meant for later, or one that was mistyped."""

import difflib
from collections.abc import Collection, Iterable

from store.model import Agent

MOST_NAMED = 3


def group_hint(name: str, agents: Collection[Agent]) -> str:
    """Empty when an agent is in the group. `agents` are all there are."""
    groups = {agent.group_name for agent in agents} - {""}
    if name in groups:
        return ""
    return " ".join((f"No agent is in group {name} yet.", _what_it_may_be(name, groups, agents)))


def _what_it_may_be(name: str, groups: Iterable[str], agents: Iterable[Agent]) -> str:
    host = next((agent for agent in agents if name in (agent.agent_id, agent.host_name)), None)
    if host is not None:
        return f"{name} is a host, in {f'group {host.group_name}' if host.group_name else 'no group'}."
    close = difflib.get_close_matches(name[:64], groups, n=MOST_NAMED, cutoff=0.5)
    if close:
        return f"Nearest names: {', '.join(close)}."
    return f"An agent joins by its settings: HEALTHMON_GROUP={name}"
