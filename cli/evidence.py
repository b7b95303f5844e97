"""What a host looked like when an incident opened, in lines: readings, processes, what a check wrote, what was done."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.screen import Screen
from cli.words import clock
from console.quantities import quantity, size

MOST_READINGS = 12
MOST_LINES = 12
INDENT = "  "
Series = Mapping[str, Sequence[float | None]]


def evidence_lines(found: Any, history: Series, screen: Screen, now_seconds: float) -> list[str]:
    """Under a heading, empty when there is none. `found` is the help desk's answer, escaped.

    `history` has the readings before the opening, for an incident whose agent noted none; oldest values first.
    """
    box = found["black_boxes"][-1] if found["black_boxes"] else None
    lines = [
        *_readings(_noted(box) if box else history, screen),
        *_processes(box["processes"] if box else (), screen),
        *(line for one in found["check_outputs"] for line in _written(one, screen, now_seconds)),
        *_actions(found["actions"], screen, now_seconds),
    ]
    return ["", "EVIDENCE", *lines[lines[0] == "" :]] if lines else []


def _noted(box: Any) -> Series:
    return {name: [sample[place] for sample in box["samples"]] for place, name in enumerate(box["names"], start=1)}


def _readings(series: Series, screen: Screen) -> list[str]:
    rows = [(*ends, name) for name, values in series.items() if (ends := _ends(name, values))][:MOST_READINGS]
    return screen.table(("before", "at opening", "reading"), rows) if rows else []


def _ends(name: str, values: Iterable[float | None]) -> tuple[str, ...]:
    """The first and the last value that is known, with their unit; empty when none is."""
    metric = name.partition("{")[0]
    known = [value for value in values if value is not None]
    return (quantity(metric, known[0]), quantity(metric, known[-1])) if known else ()


def _processes(processes: Sequence[Any], screen: Screen) -> list[str]:
    rows = [
        (f"{one['cpu_percent']:.1f} %", size(one["memory_bytes"]), f"{one['name']} ({one['process_id']})")
        for one in processes
    ]
    return screen.table(("cpu of a core", "memory", "process"), rows) if rows else []


def _written(one: Any, screen: Screen, now_seconds: float) -> list[str]:
    """What the check wrote below its first line, which is the incident's sentence."""
    below = one["output"].splitlines()[1:]
    when = f"The check wrote at {clock(one['time'], now_seconds)} UTC:"
    return ["", f"{INDENT}{when}", *_quoted(below, screen)] if below else []


def _actions(actions: Sequence[Any], screen: Screen, now_seconds: float) -> list[str]:
    lines = ["", f"{INDENT}What the host did by itself:"] if actions else []
    for done in actions:
        code = "" if done["exit_code"] is None else f", exit code {done['exit_code']}"
        when = f"{clock(done['time'], now_seconds)} {done['name']}, attempt {done['attempt']}"
        lines += screen.prose(f"{when}: {done['outcome']}{code}", INDENT * 2)
        lines += _quoted(done["output"].splitlines(), screen)
    return lines


def _quoted(lines: Sequence[str], screen: Screen) -> list[str]:
    more = [f"{INDENT * 3}and {len(lines) - MOST_LINES} more: --json"] if len(lines) > MOST_LINES else []
    return [line for one in lines[:MOST_LINES] for line in screen.prose(one, INDENT * 3)] + more
