"""A record has one digest wherever it lies, and another one with other content."""

import json
from typing import Any

import pytest

from faults.digest import digest_of_body, digest_of_snapshot

SNAPSHOT: dict[str, Any] = {
    "type": "snapshot", "agent_id": "a1", "epoch": 1, "seq": 2, "boot_id": "b", "wall_seconds": 1.5,
    "boot_seconds": 9.0, "readings": {"cpu.percent": 1.0}, "interval_seconds": 1.0, "scope": "host",
    "errors": {"disk": "no"}, "checks": [{"name": "web", "state": "ok"}],
}  # fmt: skip


def digest(**changed: object) -> str:
    return digest_of_body(json.dumps(SNAPSHOT | changed).encode())


def test_agent_store_and_quarantine_agree() -> None:
    extra = {name: SNAPSHOT[name] for name in reversed(SNAPSHOT) if name not in ("wall_seconds", "readings", "seq")}
    assert digest_of_snapshot(1500, SNAPSHOT["readings"], extra) == digest()
    kept = {"type": "snapshot", "seq": 2, "wall_ms": 1500, "readings": SNAPSHOT["readings"], "extra": extra}
    assert digest_of_body(json.dumps(kept).encode()) == digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"wall_seconds": 1.6},
        {"readings": {"cpu.percent": 2.0}},
        {"errors": {}},
        {"checks": [{"name": "web", "state": "critical"}]},
        {"boot_seconds": 8.0},
    ],
)
def test_other_content_has_another_digest(changed: dict[str, object]) -> None:
    assert digest(**changed) != digest()
    assert digest_of_body(b'{"type":"goodbye","reason":"a"}') != digest_of_body(b'{"type":"goodbye","reason":"b"}')
