"""`healthmon incidents`: what is wrong, the most urgent first."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from cli.answers import Incident, incident, read, worst_first
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import age_seconds, clock, count
from console.quantities import span

MOST_ROWS = 50
Which = Literal["open", "closed", "all"]


def incidents(
    context: typer.Context,
    state: Annotated[Which, typer.Option(help="Open ones, closed ones, or all.")] = "open",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema incidents/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List incidents, the most urgent first.

    --plain: number, severity, open or closed, host, opened, closed, sentence, address.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answered = desk.every("/incidents", {"state": state})
    if as_json:
        show_json("incidents/1", {"incidents": answered})
        return
    screen = terminal.screen()
    found = worst_first([read(incident, one) for one in escaped(answered)])
    if plain:
        screen.show_rows(map(_plain, found))
    else:
        screen.show(incident_lines(found, state, screen, terminal.now()))


def incident_lines(found: Sequence[Incident], which: Which, screen: Screen, now_seconds: float) -> list[str]:
    """How many, then a row for each, then what to ask next."""
    adjective = "" if which == "all" else f"{which} "
    if not found:
        now = "Those of before: healthmon incidents --state closed" if which == "open" else "All is well so far."
        return [f"No {adjective}incidents.", "", *screen.prose(now)]
    shown = found[:MOST_ROWS]
    return [
        _answer(found, adjective),
        *incident_table(shown, screen, now_seconds),
        *_more(len(found) - len(shown), which),
        "",
        f"Next: healthmon show i/{found[0].number}",
    ]


def incident_table(found: Sequence[Incident], screen: Screen, now_seconds: float) -> list[str]:
    names = ("incident", "state", "host", "since (utc)", "what")
    return screen.table(names, [_row(one, screen, now_seconds) for one in found])


def best_fix(one: Incident) -> str:
    """The title of the known problem that fits best, empty when none does."""
    return f"{one.fixes[0].title} ({one.fixes[0].confidence})" if one.fixes else ""


def _answer(found: Sequence[Incident], adjective: str) -> str:
    critical = sum(one.closed is None and one.severity == "critical" for one in found)
    told = count(len(found), f"{adjective}incident")
    return f"{told}, {critical} CRITICAL" if critical else told


def _row(one: Incident, screen: Screen, now_seconds: float) -> list[str]:
    fix = f". Fix known: {best_fix(one)}" if one.fixes and one.closed is None else ""
    told = "".join(f" ({word})" for word in (one.muted, _taken(one)) if word)
    since = f"{clock(one.opened, now_seconds)} ({span(age_seconds(one.opened, now_seconds))})"
    state = screen.state(one.severity if one.closed is None else "closed")
    return [f"i/{one.number}", state, one.host, since, one.sentence.removesuffix(".") + told + fix]


def _taken(one: Incident) -> str:
    return f"acknowledged by {one.acknowledged_by}" if one.acknowledged_by else ""


def _more(left: int, which: Which) -> list[str]:
    if left <= 0:
        return []
    return ["", f"and {left:,} more: healthmon incidents --state {which} --plain"]


def _plain(one: Incident) -> tuple[object, ...]:
    state = "open" if one.closed is None else "closed"
    return one.number, one.severity, state, one.host, one.opened, one.closed, one.sentence, one.url
