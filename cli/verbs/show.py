"""`healthmon show i/142`: one incident, with what to do on the same screen."""

from typing import Annotated
from urllib.parse import quote

import typer

from cli.answers import Event, Host, Incident, host, incident, read
from cli.fix_lines import fix_lines
from cli.host_trouble import trouble_lines
from cli.references import OTHERS, incident_number
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped
from cli.words import age_seconds, clock, span

NOTHING_FITS = "No known problem fits. Have the host's own messages explained:"
ASK_THE_JOURNAL = 'journalctl --since "-15 min" --priority warning | healthmon explain'


def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="i/NUMBER", help="Like i/142 or 142.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema incident/1.")] = False,
) -> None:
    """Show an incident: what is wrong, what to do, why that fits, how to verify."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.get(f"/incidents/{incident_number(number)}", missing=OTHERS)
        if as_json:
            show_json("incident/1", {"incident": answer})
            return
        one = read(incident, escaped(answer))
        path = None if one.agent_id is None else f"/agents/{quote(one.agent_id, safe='')}"
        of = None if path is None else read(host, escaped(desk.get(path)))
    screen = terminal.screen()
    screen.show(lines_of(one, of, screen, terminal.now()))


def lines_of(one: Incident, of: Host | None, screen: Screen, now_seconds: float) -> list[str]:
    """The sentence first, the permanent address last; `of` is the host as it is now, None where there is none."""
    return [
        *_headline(one, screen, now_seconds),
        "",
        "DO THIS",
        *_fixes(one, screen),
        "",
        "TIMELINE",
        *_timeline(one, screen, now_seconds),
        *(trouble_lines(of, screen) if of else ()),
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
    taken = f", acknowledged by {one.acknowledged_by}" if one.acknowledged_by else ""
    muted = screen.prose(f"{one.muted}.") if one.muted else []
    return [*screen.headline(one.host, state, one.sentence), *screen.prose(f"i/{one.number}, {life}{taken}"), *muted]


def _fixes(one: Incident, screen: Screen) -> list[str]:
    if not one.fixes:
        return [*screen.prose(NOTHING_FITS, "  "), f"      {ASK_THE_JOURNAL}"]
    return [
        line
        for fix in one.fixes
        for line in (*screen.prose(f"{fix.title} ({fix.confidence} match)"), *fix_lines(fix, screen))
    ]


def _timeline(one: Incident, screen: Screen, now_seconds: float) -> list[str]:
    told = (f"{clock(event.time, now_seconds)} {_what(event)}" for event in one.timeline)
    return [line for event in told for line in screen.prose(event, "  ")]


def _what(event: Event) -> str:
    did = f"{event.change} by {event.author}" if event.author else event.change
    return f"{did}: {event.sentence}" if event.sentence else did
