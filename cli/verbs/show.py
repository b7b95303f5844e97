"""`healthmon show i/142`: one incident, with what to do on the same screen."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from cli.answers import Event, Host, Incident, host, incident, read
from cli.evidence import Series, evidence_lines
from cli.fix_lines import fix_lines
from cli.host_trouble import trouble_lines
from cli.references import OTHERS, incident_number
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped
from cli.words import age_seconds, clock
from console.quantities import span

if TYPE_CHECKING:
    from cli.desk import HelpDesk

BEFORE_OPENING = timedelta(minutes=5)
A_MOMENT = timedelta(milliseconds=1)  # the end is not included
MOST_POINTS = 60
NOTHING_FITS = "No known problem fits. Have the host's own messages explained:"
ASK_THE_JOURNAL = 'journalctl --since "-15 min" --priority warning | healthmon explain'


def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="i/NUMBER", help="Like i/142 or 142.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema incident/1.")] = False,
) -> None:
    """Show an incident: what is wrong, what to do, why that fits, how to verify, and what the host looked like."""
    terminal: Terminal = context.obj
    path = f"/incidents/{incident_number(number)}"
    with terminal.desk() as desk:
        answer, evidence = desk.get(path, missing=OTHERS), desk.get(f"{path}/evidence", missing=OTHERS)
        if as_json:
            show_json("incident/1", {"incident": answer, "evidence": evidence})
            return
        one = read(incident, escaped(answer))
        of = None if one.agent_id is None else read(host, escaped(desk.get(_of_agent(one.agent_id))))
        history = {} if evidence.get("black_boxes") else _history(one, desk)
    screen, now_seconds = terminal.screen(), terminal.now()
    seen = read(lambda found: evidence_lines(found, history, screen, now_seconds), escaped(evidence))
    screen.show(lines_of(one, of, seen, screen, now_seconds))


def lines_of(one: Incident, of: Host | None, evidence: Sequence[str], screen: Screen, now_seconds: float) -> list[str]:
    """The sentence first, the permanent address last; `of` is the host as it is now, None where there is none."""
    return [
        *_headline(one, screen, now_seconds),
        "",
        "DO THIS" if one.closed is None else "IF IT COMES BACK",
        *_fixes(one, screen),
        *evidence,
        "",
        "TIMELINE",
        *_timeline(one, screen, now_seconds),
        *(trouble_lines(of, screen) if of else ()),
        "",
        f"Details: {one.url}",
    ]


def _of_agent(agent_id: str) -> str:
    return f"/agents/{quote(agent_id, safe='')}"


def _history(one: Incident, desk: "HelpDesk") -> Series:
    """The incident's own reading in the minutes before it opened; empty where no host stands behind it."""
    if one.agent_id is None:
        return {}
    opened = datetime.fromisoformat(one.opened)
    asked = {
        "metrics": one.reading,
        "start": (opened - BEFORE_OPENING).isoformat(),
        "end": (opened + A_MOMENT).isoformat(),
        "max_points": str(MOST_POINTS),
    }
    answer = escaped(desk.get(f"{_of_agent(one.agent_id)}/metrics/history", asked))
    return read(
        lambda told: {name: [point["max"] for point in points] for name, points in told["series"].items()}, answer
    )


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
