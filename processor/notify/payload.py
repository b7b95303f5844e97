"""What a notice says: a flat map with the same keys for every notifier; docs/webhook.md tells receivers of them."""

from collections.abc import Mapping, Sequence

from processor.notify.plan import News
from store.model import Remedy
from store.outbox import Facts

Payload = Mapping[str, object]


INTERNAL = frozenset({"route", "told"})
"""Keys that are for notifiers alone: what goes out together, and the severities told on the channel before."""


def payload_of(news: News, remedies: Sequence[Remedy], public_url: str, now_ms: int) -> Payload:
    """`public_url` is what links to incidents begin with.

    The first step of the first remedy comes with it; `command` is shown and never run.
    """
    incident = news.incident
    step = next((step for remedy in remedies for step in remedy.steps), None)
    return {
        "number": incident.number,
        "kind": str(news.kind),
        "host": incident.host,
        "agent_id": incident.key.agent_id,
        "group": incident.group_name,
        "rule": incident.key.rule,
        "subject": incident.key.subject,
        "step": step.text if step else None,
        "command": step.command if step else None,
        "url": f"{public_url}/i/{incident.number}",
        "at_ms": now_ms,
        "route": news.route,
        "told": [str(severity) for severity in news.told],
        **what_changes(incident),
    }


def what_changes(incident: Facts) -> Payload:
    """The part of a payload that says how the incident is now."""
    return {
        "severity": str(incident.severity),
        "title": incident.title,
        "sentence": incident.sentence,
        "opened_ms": incident.opened_ms,
        "closed_ms": incident.closed_ms,
    }
