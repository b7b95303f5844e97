"""`healthmon show i/142`: one incident, with what to do on the same screen."""

import re
from typing import Annotated
from urllib.parse import quote

import typer

from cli.answers import Host, Incident, host, incident, read
from cli.exits import ExitCode, Trouble
from cli.fix_lines import fix_lines
from cli.host_trouble import trouble_lines
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped
from cli.words import age_seconds, clock, span

REFERENCE = re.compile(r"(?:i/)?([1-9][0-9]{0,14})")
NOTHING_FITS = "No known problem fits. Have the host's own messages explained:"
ASK_THE_JOURNAL = 'journalctl --since "-15 min" --priority warning | healthmon explain'


def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="i/NUMBER", help="Like i/142 or 142.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema incident/1.")] = False,
) -> None:
    """Show an incident: what is wrong, what to do, why that fits, how to verify."""
    found = REFERENCE.fullmatch(number)
    if found is None:
        raise Trouble(f"{number!r} names no incident. Give its number: healthmon show i/142", ExitCode.USAGE)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.get(f"/incidents/{found[1]}", missing="Try: healthmon incidents --state all")
        if as_json:
            show_json("incident/1", {"incident": answer})
            return
        one = read(incident, escaped(answer))
        of = read(host, escaped(desk.get(f"/agents/{quote(one.agent_id, safe='')}")))
    screen = terminal.screen()
    screen.show(lines_of(one, of, screen, terminal.now()))


def lines_of(one: Incident, of: Host, screen: Screen, now_seconds: float) -> list[str]:
    """The sentence first, the permanent address last; `of` is the host as it is now."""
    return [
        *_headline(one, screen, now_seconds),
        "",
        "DO THIS",
        *_fixes(one, screen),
        "",
        "TIMELINE",
        *_timeline(one, screen, now_seconds),
        *trouble_lines(of, screen),
        "",
        f"Details: {one.url}",
    ]


def _headline(one: Incident, screen: Screen, now_seconds: float) -> list[str]:
    state = one.severity if one.closed is None else "closed"
    since = f"{clock(one.opened, now_seconds)} UTC"
    if one.closed is None:
        life = f"open since {since} ({span(age_seconds(one.opened, now_seconds))})"
    else:
        life = f"opened {since}, closed {clock(one.closed, now_seconds)} UTC"
    return [*screen.headline(one.host, state, one.sentence), *screen.prose(f"i/{one.number}, {life}")]


def _fixes(one: Incident, screen: Screen) -> list[str]:
    if not one.fixes:
        return [*screen.prose(NOTHING_FITS, "  "), f"      {ASK_THE_JOURNAL}"]
    return [
        line
        for fix in one.fixes
        for line in (*screen.prose(f"{fix.title} ({fix.confidence} match)"), *fix_lines(fix, screen))
    ]


def _timeline(one: Incident, screen: Screen, now_seconds: float) -> list[str]:
    told = (f"{clock(event.time, now_seconds)} {event.change}: {event.sentence}" for event in one.timeline)
    return [line for event in told for line in screen.prose(event, "  ")]
