"""A host's state in one sentence, the same on the page, in the API and in the terminal."""

from helpdesk_api.words import AGENT_STATUS, STATE_WORDS, span
from store.model import Agent, Incident, State, agent_state


def sentence_of(agent: Agent, worst: Incident | None, now_ms: int) -> str:
    """Why the host is in its state. `worst` is its most urgent open incident."""
    state = agent_state(agent, worst.severity if worst else None, now_ms)
    silent = silence(agent, now_ms)
    if silent is not None:
        return f"{silent} Before that: {worst.sentence}." if worst else silent
    if worst is not None and state is worst.severity:
        return f"{STATE_WORDS[state]} for {span((now_ms - worst.opened_ms) / 1000)}: {worst.sentence}"
    if state is State.WAITING:
        return "Waiting for its first report: the agent has said hello."
    return "All checks are within their limits."


def silence(agent: Agent, now_ms: int) -> str | None:
    """How the agent fell silent and what now, None while it is heard."""
    if agent.is_connected(now_ms):
        return None
    if agent.goodbye_ms is not None:
        for_long = span((now_ms - agent.goodbye_ms) / 1000)
        return f"The agent was stopped {for_long} ago ({agent.goodbye_reason}). Start it to hear from the host again."
    for_long = span((now_ms - agent.last_seen_ms) / 1000)
    return f"No data for {for_long}. Ask the agent on its host: {AGENT_STATUS}"
