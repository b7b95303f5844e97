"""What a kept batch means for people: lines in the log, once for each thing."""

import logging
from collections.abc import Callable

from health.state import State
from processor.decision import Decision
from processor.summary import Summary
from store.model import Agent, Batch, Change, IncidentChange, KeptBatch

log = logging.getLogger(__name__)


def announce(decision: Decision, kept: KeptBatch, summary: Summary, public_url: str) -> None:
    """Tell of a committed decision; `public_url` is what links to incidents begin with."""
    for agent in decision.joined:
        log.info("%s joined as %s, first record stored", agent.name, agent.agent_id)
    for agent in decision.stopped:
        log.info("%s said goodbye: %s", agent.name, agent.goodbye_reason)
    for bad in (*decision.batch.quarantined, *kept.key_reused):
        if summary.is_news(bad):
            log.warning("quarantined, from %s: %s (%s)", bad.routing_key[:64], bad.reason, bad.detail[:200])
    for loss in decision.losses:
        lost = f"records {loss.first_seq} to {loss.last_seq} of epoch {loss.lost_epoch}"
        log.warning("%s gave up %s: %s", loss.agent_id, lost, loss.reason)
    names = {**decision.names, **{agent.agent_id: agent.name for agent in decision.batch.agents}}
    for change in decision.batch.incidents:
        number = kept.incident_numbers.get(change.key)
        link = f"{public_url}/i/{number}" if number is not None else ""
        agent_id = change.key.agent_id
        log.log(_level(change), "%s", _incident_line(change, names.get(agent_id, agent_id), link))


def reads_otherwise(batch: Batch, known: Callable[[str], Agent | None]) -> set[str]:
    """The agents whose incidents changed, or that people read otherwise of than memory knows them."""
    renamed = {agent.agent_id for agent in batch.agents if _read(agent) != _read(known(agent.agent_id))}
    return renamed | {change.key.agent_id for change in batch.incidents}


def _read(agent: Agent | None) -> tuple[str | None, ...]:
    return () if agent is None else (agent.host_name, agent.group_name, agent.peer_host)


def _level(change: IncidentChange) -> int:
    if change.change is Change.RESTATED:
        return logging.DEBUG
    if change.is_late or change.change in (Change.CLOSED, Change.EASED, Change.SETTLED):
        return logging.INFO
    return logging.ERROR if change.severity is State.CRITICAL else logging.WARNING


def _incident_line(change: IncidentChange, name: str, link: str) -> str:
    state = "ok" if change.change is Change.CLOSED else change.severity.upper()
    return f"{name} -> {state}  {change.sentence}  {link}".rstrip()
