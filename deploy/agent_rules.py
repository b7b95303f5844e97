"""Write agent/rules.json, by which agents judge their own host, from the hub's rules: `python -m deploy.agent_rules`.

Of the hub's kinds of rules an agent knows the threshold alone: the others need other hosts, or what was days ago.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from agent.local_rules import RULES_FILE, LocalRule, RulesFile
from health.machine import Patience
from health.rule import Level
from health.state import State

RULES_FOLDER = Path(__file__).resolve().parents[1] / "processor" / "rules"
KNOWN = {
    *("id", "kind", "groups", "metric", "warning", "critical", "hold_seconds", "clear_hold_seconds"),
    *("title", "sentence", "examples"),
}


class CannotBeGiven(Exception):
    """A rule of a kind that agents know has a key that they do not know."""


def agent_rules(folder: Path = RULES_FOLDER) -> bytes:
    """The content of agent/rules.json; raises CannotBeGiven rather than leave something of a rule out."""
    rules = [rule for file in sorted(folder.glob("*.yaml")) for rule in _rules(file)]
    return msgspec.json.format(msgspec.json.encode(RulesFile(rules=rules)), indent=1) + b"\n"


def _rules(file: Path) -> Iterator[LocalRule]:
    for entry in yaml.safe_load(file.read_text("utf-8")):
        if entry.get("kind", "threshold") != "threshold":
            continue
        if unknown := entry.keys() - KNOWN:
            raise CannotBeGiven(f"{file.name}: rule {entry['id']}: agents do not know {', '.join(sorted(unknown))}.")
        yield _rule(entry)


def _rule(entry: Mapping[str, Any]) -> LocalRule:
    return LocalRule(
        rule_id=entry["id"],
        groups=tuple(sorted(entry.get("groups", ()))),
        metric=entry["metric"],
        levels={
            state: Level(limit=float(entry[state]["above"]), clear=float(entry[state]["clear_below"]))
            for state in (State.WARNING, State.CRITICAL)
            if state in entry
        },
        patience=Patience(
            hold_ms=round(entry["hold_seconds"] * 1000), clear_hold_ms=round(entry["clear_hold_seconds"] * 1000)
        ),
        title=entry["title"],
        sentence=entry["sentence"],
    )


if __name__ == "__main__":
    RULES_FILE.write_bytes(agent_rules())
    print(f"wrote {RULES_FILE}")
