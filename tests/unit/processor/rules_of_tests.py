"""Rules without patience, so that a test says in readings what it means."""

from typing import Any

from health.machine import Patience
from health.rule import Level
from health.state import State
from processor.rule import Rule


def rule(rule_id: str = "load", metric: str = "load", limit: float = 10.0, **fields: Any) -> Rule:
    """Critical above `limit`, ok again below half of it, both at once."""
    whole: dict[str, Any] = {
        "rule_id": rule_id,
        "metric": metric,
        "levels": {State.CRITICAL: Level(limit=limit, clear=limit / 2)},
        "patience": Patience(),
        "title": f"{rule_id} is bad",
        "sentence": f"{metric} is {{value:g}}, limit {{limit:g}}",
    }
    return Rule(**whole | fields)


def falling(rule_id: str = "falling", metric: str = "free", limit: float = 10.0, **fields: Any) -> Rule:
    """Critical below `limit`, ok again above twice that."""
    levels = {State.CRITICAL: Level(limit=limit, clear=limit + abs(limit))}
    return rule(rule_id, metric, levels=levels, sign=-1, **fields)
