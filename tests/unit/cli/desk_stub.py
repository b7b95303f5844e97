"""A help desk of fixed answers, and what a user sees when it is asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from cli.main import run
from cli.terminal import Terminal

NOW_SECONDS = datetime(2026, 11, 21, 14, 14, 11, tzinfo=UTC).timestamp()
HOST = {
    "agent_id": "a-1",
    "host_name": "web-3",
    "state": "critical",
    "sentence": "Critical for 12 min: disk / is 96.4 %, limit 95 %",
    "connected": True,
    "streaming_active": True,
    "has_system_info": True,
    "has_metrics": True,
    "first_seen": "2026-11-20T09:00:00Z",
    "last_seen": "2026-11-21T14:14:09Z",
    "last_update": "2026-11-21T14:14:09.120Z",
    "scope": "host",
    "version": "0.1.0",
    "interval_seconds": 5.0,
    "clock_offset_seconds": 0.02,
    "errors": {},
    "url": "http://127.0.0.1:8000/h/a-1",
}
HEALTHY = {**HOST, "agent_id": "a-2", "host_name": "db-1", "state": "ok", "sentence": "All checks are within limits."}
REMEDY = {
    "slug": "disk-full",
    "title": "A file system is full",
    "confidence": "exact",
    "reason": "the check disk-usage is critical for /",
    "captured": {"mount": "/"},
    "steps": [
        {"text": "See which file system is full.", "command": "df -h"},
        {"text": "Free space.", "command": None},
    ],
    "verify": "df -h / shows less than 85 % used",
}
INCIDENT = {
    "number": 142,
    "agent_id": "a-1",
    "host_name": "web-3",
    "rule": "disk-usage",
    "subject": 'mount="/"',
    "severity": "critical",
    "title": "disk / is almost full",
    "metric": "disk.usage_percent",
    "sentence": "disk / is 96.4 %, limit 95 %",
    "value": 96.4,
    "limit": 95.0,
    "opened": "2026-11-21T14:02:11Z",
    "updated": "2026-11-21T14:10:00Z",
    "closed": None,
    "acknowledged": None,
    "muted": None,
    "flapping_since": None,
    "is_late": False,
    "remedies": [REMEDY],
    "timeline": [],
    "notices": [],
    "url": "http://127.0.0.1:8000/i/142",
}
METRICS = {
    "agent_id": "a-1",
    "time": "2026-11-21T14:14:09Z",
    "received": "2026-11-21T14:14:09Z",
    "age_seconds": 2.0,
    "epoch": 1,
    "seq": 412,
    "readings": {
        "cpu.usage_percent": 34.0,
        'cpu.core.usage_percent{core="0"}': 99.0,
        'disk.usage_percent{mount="/"}': 96.4,
        "load.1m": 1.5,
    },
    "errors": {},
}
MATCH = {
    **REMEDY,
    "meaning": "No free block is left on a file system.",
    "severity": "critical",
    "reason": "line 3 says: No space left on device",
    "lines": [3],
    "references": [],
}


NO_EVIDENCE: Mapping[str, Any] = {"black_boxes": [], "check_outputs": [], "actions": []}


def shown(incident: Mapping[str, Any], evidence: Mapping[str, Any] = NO_EVIDENCE, /, **of_host: Any) -> dict[str, Any]:
    """An incident with its evidence, and its host as it is now."""
    path = f"GET /incidents/{incident['number']}"
    host = {**HOST, **of_host}
    history: dict[str, Any] = {"GET /agents/a-1/metrics/history": {"series": {}}}
    return {path: incident, f"{path}/evidence": evidence, "GET /agents/a-1": host, **history}


def listed(*items: Any, next_cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": next_cursor}


def problem(status: int, detail: str, **headers: str) -> httpx2.Response:
    headers = {"content-type": "application/problem+json", **headers}
    return httpx2.Response(status, json={"title": "x", "status": status, "detail": detail}, headers=headers)


@dataclass
class DeskStub:
    """Answers by method and path, like `GET /agents`; notes what it was asked."""

    answers: Mapping[str, Any]
    asked: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers[f"{request.method} {request.url.path.removeprefix('/api/v1')}"]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx2.Response):
            return answer
        return httpx2.Response(200, content=json.dumps(answer), headers={"content-type": "application/json"})


@dataclass
class Seen:
    """What one call of `healthmon` printed and how it ended."""

    code: int
    out: str
    err: str
    asked: list[httpx2.Request]

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class User:
    """Calls `healthmon` as a user would, with these environment variables."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.environment = {"LANG": "C.UTF-8"}

    def calls(self, *arguments: str, answers: Mapping[str, Any] | None = None) -> Seen:
        stub = DeskStub(answers or {})
        terminal = Terminal(environment=self.environment, transport=httpx2.MockTransport(stub), now=lambda: NOW_SECONDS)
        code = run(arguments, terminal)
        printed = self.capsys.readouterr()
        return Seen(code, printed.out, printed.err, stub.asked)
