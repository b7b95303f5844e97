"""How a host is: its state with the reason in one sentence, the same on the page, in the API and in the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass

from console.quantities import span
from health.state import URGENCY, State
from helpdesk_api.freshness import Freshness
from helpdesk_api.host_page import lacking_table
from helpdesk_api.words import AGENT_STATUS, STATE_WORDS
from store.incidents import OpenIncident
from store.model import CLOCK_TOLERANCE_MS, Agent, agent_state

MOST_NAMED = 3
LONGEST_REASON = 160
AGENT_SILENT = "agent-silent"  # the rule by which the processor says why nothing is heard
SPOOL = "spool"  # under this name a snapshot says why the agent cannot keep records on its disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`no_news` is why there are no fresh data of the host, None while there are; `excused` when the host is not to
    blame for that. `own_state` is the one that a muted host would be in. Who is retired counts as nothing else."""

    state: State
    own_state: State
    sentence: str
    no_news: str | None
    excused: bool
    is_retired: bool = False

    @property
    def is_muted(self) -> bool:
        return self.state is State.MUTED


def condition_of(
    agent: Agent,
    worst: OpenIncident | None,
    errors: Mapping[str, str],
    freshness: Freshness,
    now_ms: int,
    muted: str = "",
) -> Condition:
    """`worst` is the host's most urgent open incident, `errors` what its newest snapshot says it could not do.

    `muted` says until when and why nobody wants to hear of the host, empty while people do.
    """
    if agent.is_retired and worst is None:
        return _retired(agent, now_ms)
    excuse = freshness.excuse(agent, now_ms)
    state = agent_state(agent, worst.severity if worst else None, now_ms)
    if excuse is not None:
        state = min(state, State.STALE, key=URGENCY.__getitem__)
    no_news = excuse or silence(agent, now_ms)
    if worst is not None and worst.rule == AGENT_SILENT and excuse is None:
        no_news = worst.sentence  # the processor knows why
    sentence = _sentence(state, worst, errors, no_news, now_ms)
    shown = State.MUTED if muted else state
    own = sentence if sentence.startswith(STATE_WORDS[state]) else f"{STATE_WORDS[state]}: {sentence}"
    told = f"{muted}. Its own state: {own}" if muted else sentence
    return Condition(state=shown, own_state=state, sentence=told, no_news=no_news, excused=excuse is not None)


def _retired(agent: Agent, now_ms: int) -> Condition:
    """People chose not to hear of it any more."""
    for_long = span((now_ms - (agent.goodbye_ms or now_ms)) / 1000)
    told = f"Retired ({for_long} ago). It comes back by itself when its agent sends."
    return Condition(
        state=State.MUTED, own_state=State.STALE, sentence=told, no_news=told, excused=False, is_retired=True
    )


def _sentence(
    state: State, worst: OpenIncident | None, errors: Mapping[str, str], no_news: str | None, now_ms: int
) -> str:
    if no_news is not None:
        if worst is not None and no_news == worst.sentence:
            return f"{worst.sentence}."
        return f"{no_news} Before that: {worst.sentence}." if worst else no_news
    if worst is not None and state is State.MUTED:
        return worst.sentence
    if worst is not None and state is worst.severity:
        return f"{STATE_WORDS[state]} for {span((now_ms - worst.severity_since_ms) / 1000)}: {worst.sentence}"
    if state is State.WAITING:
        return "Waiting for its first report: the agent has said hello."
    calm = "Not all is measured that rules read." if state is State.UNKNOWN else "All checks are within their limits."
    return trouble_of(errors) or calm


def trouble_of(errors: Mapping[str, str]) -> str:
    """What the newest snapshot says the agent could not do, empty when it could all."""
    told = [spool_trouble(errors), not_measured({part: why for part, why in errors.items() if part != SPOOL})]
    return " ".join(one for one in told if one)


def spool_trouble(errors: Mapping[str, str]) -> str:
    """Why the agent cannot keep records on its disk, empty while it can."""
    if SPOOL not in errors:
        return ""
    why = errors[SPOOL][:LONGEST_REASON].rstrip(".")
    return f"The agent cannot keep records on its disk ({why}): those that RabbitMQ has not taken live in its memory."


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
