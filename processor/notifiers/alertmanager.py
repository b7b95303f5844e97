"""Alertmanager, API v2: each incident is an alert, known by what it is and never by a value that changes.

    alertname = the rule, severity, instance = the agent's id, host, subject (where the check has one), group

Alertmanager forgets alerts that nobody repeats, so open ones are sent again each minute. The severity is among the
labels, because people route by it: an alert under another severity is another alert, and the old one is resolved with
the same request.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from processor.notifiers.http import post
from processor.notifiers.notifier import Message
from processor.notifiers.wording import headline
from store.response import Notice, NoticeKind

PATH = "/api/v2/alerts"
FIRES_FOR_MS = 15 * 60_000  # it outlasts a restart and a network that is away for ten minutes
_LABELS = {"alertname": "rule", "severity": "severity", "instance": "agent_id", "host": "host", "subject": "subject"}

_FIRES_FOR_MS = {NoticeKind.RECOVERY: 0, NoticeKind.TEST: 60_000}

Alert = dict[str, Any]


class Alertmanager:
    """`now_ms` is the wall clock."""

    def __init__(self, url: str, now_ms: Callable[[], int]) -> None:
        base, mark, query = url.partition("?")
        self._url = f"{base.rstrip('/')}{PATH}{mark}{query}"
        self._now_ms = now_ms
        self._firing: dict[int, str] = {}  # the severity that fires there, by incident

    def send(self, message: Message) -> str:
        return self.repeat(message.notices)

    def repeat(self, standing: Sequence[Notice]) -> str:
        """Say how these incidents are now; of the open ones again and again. Raises NotifierError."""
        answer = self._post([alert for notice in standing for alert in self._alerts(notice)])
        for notice in standing:
            if notice.number is not None:
                self._firing[notice.number] = str(notice.payload.get("severity"))
            if notice.number is not None and notice.kind is NoticeKind.RECOVERY:
                del self._firing[notice.number]
        return answer

    def _alerts(self, notice: Notice) -> list[Alert]:
        """The alert as it is now, and the same under the severities that it had before, resolved."""
        now_ms, severity = self._now_ms(), str(notice.payload.get("severity") or "none")
        before = set(self._told_before(notice)) - {severity}
        ends_ms = now_ms + _FIRES_FOR_MS.get(notice.kind, FIRES_FOR_MS)
        old = [_alert(notice, was, now_ms, now_ms) for was in sorted(before)]
        return [_alert(notice, severity, ends_ms, now_ms), *old]

    def _told_before(self, notice: Notice) -> Sequence[str]:
        """What fires as far as this process knows; after a restart, whatever was told."""
        if notice.number in self._firing:
            return [self._firing[notice.number]]
        told = notice.payload.get("told")
        return [str(severity) for severity in told] if isinstance(told, list) else []

    def _post(self, alerts: Sequence[Alert]) -> str:
        answer = post(self._url, json.dumps(alerts).encode(), {"User-Agent": "healthmon"})
        return f"{answer.status} {answer.text}".rstrip()


def _alert(notice: Notice, severity: str, ends_ms: int, now_ms: int) -> Alert:
    said = notice.payload
    labels = {label: str(said.get(key) or "") for label, key in _LABELS.items()} | {"severity": severity}
    labels |= {"alertname": labels["alertname"] or "healthmon-test", "group": str(said.get("group") or "")}
    annotations = {name: str(said[key]) for name, key in _ANNOTATIONS.items() if said.get(key)}
    if summary := headline(notice):
        annotations["summary"] = summary
    began_ms = max(0, min(int(str(said.get("opened_ms") or now_ms)), ends_ms - 1))  # a host's clock may be far off
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": annotations,
        "startsAt": _time(began_ms),
        "endsAt": _time(ends_ms),
        "generatorURL": str(said.get("url") or ""),
    }


_ANNOTATIONS = {
    "description": "sentence",
    "first_step": "step",
    "command": "command",
    "link": "url",
}


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
