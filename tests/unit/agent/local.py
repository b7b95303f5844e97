"""Rules, readings and results for tests of what a host thinks of itself."""

from pathlib import Path

from agent.local_rules import LocalRule, RuleSet
from agent.local_state import HardChange, Kept, LocalState
from health.machine import Patience, Reason, Standing
from health.rule import Level
from health.state import State
from rabbitmq.records import CheckResult

DISK = 'disk.usage_percent{mount="/"}'
DISK_PLACE = ("disk-usage", 'mount="/"')
CPU_PLACE = ("cpu-usage", "")
NOW_MS = 1_800_000_000_000
DISK_RULE = LocalRule(
    rule_id="disk-usage",
    metric="disk.usage_percent",
    levels={State.WARNING: Level(limit=85.0, clear=82.0), State.CRITICAL: Level(limit=95.0, clear=92.0)},
    patience=Patience(hold_ms=10_000, clear_hold_ms=10_000),
    title="disk {mount} is almost full",
    sentence="disk {mount} is {value:.1f} % full, limit {limit:g} %",
)
CPU_RULE = LocalRule(
    rule_id="cpu-usage",
    metric="cpu.usage_percent",
    levels={State.WARNING: Level(limit=90.0, clear=80.0)},
    patience=Patience(hold_ms=30_000),
    title="the CPU is saturated",
    sentence="the CPU is {value:.0f} % busy, limit {limit:g} %",
)
RULES = RuleSet([DISK_RULE, CPU_RULE])


def local_state(kept: list[Kept] | None = None, checks: tuple[str, ...] = ()) -> LocalState:
    return LocalState(RULES, kept or [], checks=checks, now_ms=NOW_MS)


def observe(state: LocalState, *values: float, start_seconds: float = 0, step_seconds: float = 5) -> list[HardChange]:
    """The disk's usage, one value each `step_seconds`; returns all changes."""
    changes: list[HardChange] = []
    for number, value in enumerate(values):
        at_ms = NOW_MS + round(1000 * (start_seconds + number * step_seconds))
        changes.extend(state.observe({DISK: value}, {}, at_ms))
    return changes


def result(
    state: str, at_seconds: float = 0, *, attempts: int = 1, name: str = "web", output: str = "text"
) -> CheckResult:
    return CheckResult(
        name=name,
        kind="command",
        state=state,  # type: ignore[arg-type]
        output=output,
        wall_seconds=NOW_MS / 1000 + at_seconds,
        duration_seconds=0.1,
        attempts=attempts,
    )


def change(
    state: State = State.CRITICAL,
    before: State = State.OK,
    *,
    flapping: bool = False,
    value: float | None = 97.25,
    sentence: str = "disk / is 97.2 % full, limit 95 %",
) -> HardChange:
    standing = Standing(
        state=state, since_ms=NOW_MS, value=value or 0.0, flapping_since_ms=NOW_MS if flapping else None
    )
    return HardChange(
        place=DISK_PLACE,
        check="disk-usage",
        before=before,
        standing=standing,
        reason=Reason.CONFIRMED,
        value=value,
        sentence=sentence,
    )


def script(folder: Path, text: str, name: str = "act.sh") -> str:
    """A shell script that can be executed; returns its path."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)
