"""What must be equal between a record as an agent offered it and as the store gives it back."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest_of_body(body: bytes) -> str:
    """Of a record's JSON: a snapshot by its time and readings, because that is how the store keeps it."""
    fields: dict[str, Any] = json.loads(body)
    if fields.get("type") != "snapshot":
        return hashlib.sha256(body).hexdigest()
    return digest_of_snapshot(round(fields["wall_seconds"] * 1000), fields["readings"])


def digest_of_snapshot(wall_ms: int, readings: Mapping[str, float]) -> str:
    exact = sorted((name, float(value).hex()) for name, value in readings.items())
    return hashlib.sha256(json.dumps([wall_ms, exact]).encode()).hexdigest()
