"""What must be equal between a record as an agent offered it and as the store or the quarantine gives it back."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

BESIDE_READINGS = ("boot_id", "boot_seconds", "checks", "errors", "interval_seconds", "scope", "switched_off")


def digest_of_body(body: bytes) -> str:
    """Of a record's JSON."""
    return digest_of_fields(json.loads(body))


def digest_of_fields(fields: Mapping[str, Any]) -> str:
    """A record as it travels; or a snapshot in the words of the quarantine, where its number was kept already."""
    if fields.get("type") != "snapshot":
        return _digest(fields)
    if "wall_ms" in fields:
        return digest_of_snapshot(fields["wall_ms"], fields["readings"], fields["extra"] or {})
    return digest_of_snapshot(round(fields["wall_seconds"] * 1000), fields["readings"], fields)


def digest_of_snapshot(wall_ms: int, readings: Mapping[str, float], beside: Mapping[str, Any]) -> str:
    """By its time, its readings and what it says beside them, because that is how the store keeps it."""
    exact = sorted((name, float(value).hex()) for name, value in readings.items())
    return _digest([wall_ms, exact, {name: beside[name] for name in BESIDE_READINGS if beside.get(name)}])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
