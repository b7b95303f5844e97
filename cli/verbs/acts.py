"""`healthmon ack` and `healthmon note`: say that you look after an incident, and what you know of it."""

import json
from typing import Annotated, Any

import typer

from cli.answers import incident, read
from cli.references import OTHERS, incident_number, stated
from cli.screen import show_json
from cli.terminal import Terminal
from cli.text import escaped

Reference = Annotated[str, typer.Argument(metavar="i/NUMBER", help="Like i/142 or 142.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, schema incident/1.")]


def ack(
    context: typer.Context,
    number: Reference,
    message: Annotated[str, typer.Option("--message", "-m", help="A word for the others.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it back: nobody looks after it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say that you look after an open incident: reminders end."""
    verb = "unacknowledge" if undo else "acknowledge"
    told = "Nobody looks after" if undo else "You look after"
    _act(context, number, verb, {"note": message}, told, as_json=as_json)


def note(
    context: typer.Context,
    number: Reference,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="One argument: quote it.")],
    as_json: AsJson = False,
) -> None:
    """Write a note into an incident's timeline."""
    _act(context, number, "notes", {"note": stated(text, "note")}, "Noted on", as_json=as_json)


def _act(context: typer.Context, number: str, verb: str, body: dict[str, Any], told: str, *, as_json: bool) -> None:
    terminal: Terminal = context.obj
    path = f"/incidents/{incident_number(number)}/{verb}"
    with terminal.desk() as desk:
        answer = desk.post(path, json.dumps(body).encode(), missing=OTHERS)
    if as_json:
        show_json("incident/1", {"incident": answer})
        return
    one = read(incident, escaped(answer))
    screen = terminal.screen()
    screen.show([*screen.prose(f"{told} i/{one.number}: {one.host}, {one.sentence}"), "", f"Details: {one.url}"])
