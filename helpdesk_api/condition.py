"""A host's state in one sentence, the same on the page, in the API and in the terminal."""

from collections.abc import Mapping

from helpdesk_api.host_page import lacking_table
from helpdesk_api.words import AGENT_STATUS, STATE_WORDS, span
from store.model import CLOCK_TOLERANCE_MS, Agent, OpenIncident, State, agent_state

MOST_NAMED = 3
LONGEST_REASON = 160


def sentence_of(agent: Agent, worst: OpenIncident | None, errors: Mapping[str, str], now_ms: int) -> str:
    """Why the host is in its state. `worst` is its most urgent open incident, `errors` what was not measured."""
    state = agent_state(agent, worst.severity if worst else None, now_ms)
    silent = silence(agent, now_ms)
    if silent is not None:
        return f"{silent} Before that: {worst.sentence}." if worst else silent
    if worst is not None and state is worst.severity:
        return f"{STATE_WORDS[state]} for {span((now_ms - worst.opened_ms) / 1000)}: {worst.sentence}"
    if state is State.WAITING:
        return "Waiting for its first report: the agent has said hello."
    return not_measured(errors) or "All checks are within their limits."


def not_measured(errors: Mapping[str, str]) -> str:
    """What the newest snapshot lacks and why, empty when it lacks nothing."""
    if not errors:
        return ""
    named = [f"{part} ({why[:LONGEST_REASON]})" for part, why in lacking_table(errors)[:MOST_NAMED]]
    more = f" and {len(errors) - MOST_NAMED} more" if len(errors) > MOST_NAMED else ""
    return f"Not measured: {', '.join(named)}{more}."


def silence(agent: Agent, now_ms: int) -> str | None:
    """How news of the host ended and what now, None while they come."""
    if agent.goodbye_ms is not None:
        for_long = span((now_ms - agent.goodbye_ms) / 1000)
        return f"The agent was stopped {for_long} ago ({agent.goodbye_reason}). Start it to hear from the host again."
    if agent.is_fresh(now_ms):
        return None
    if agent.data_ms > now_ms + CLOCK_TOLERANCE_MS:
        ahead = span((agent.data_ms - now_ms) / 1000)
        return (
            f"No data since the server's clock was set back, newest data {ahead} ahead of it. Check the server's time."
        )
    for_long = span((now_ms - agent.data_ms) / 1000)
    if agent.is_connected(now_ms):
        return f"No data for {for_long}, though its agent is heard. Ask the agent on its host: {AGENT_STATUS}"
    return f"No data for {for_long}. Ask the agent on its host: {AGENT_STATUS}"
