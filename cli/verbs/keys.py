"""`healthmon keys`: API keys, for administrators."""

import json
from typing import Annotated, Any, Literal

import typer

from cli.answers import read
from cli.listing import show_list
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import clock, count

Role = Literal["viewer", "operator", "admin"]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, schema key/1.")]


def create_key(
    context: typer.Context,
    role: Annotated[Role, typer.Option(help="What it may do; each role includes the ones before it.")],
    name: Annotated[str | None, typer.Option(help="Whose it is, for people; the role by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: the only time that it can be seen."""
    terminal: Terminal = context.obj
    with terminal.desk(administration=True) as desk:
        answer = desk.post("/keys", json.dumps({"name": name or role, "role": role}).encode())
    if as_json:
        show_json("key/1", {"key": answer})
        return
    key_id, shown, secret = read(lambda made: (made["key_id"], made["name"], made["key"]), escaped(answer))
    screen = terminal.screen()
    screen.show([secret])
    screen.tell(f"This is key {key_id} ({role}, {shown}). Keep it now: it cannot be shown again.")
    screen.tell("Programs send it as Authorization: Bearer; this one takes it from HEALTHMON_API_KEY.")


def list_keys(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema keys/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List keys, without their secrets.

    --plain: number, role, name, made, revoked.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk(administration=True) as desk:
        answered = desk.every("/keys")
    show_list(
        terminal,
        "keys",
        answered,
        as_json=as_json,
        plain=plain,
        row=_row,
        lines=lambda items, screen: _lines([_row(key) for key in items], screen, terminal.now()),
    )


def revoke_key(
    context: typer.Context,
    key_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**53 - 1)],
    as_json: AsJson = False,
) -> None:
    """End a key; it stops working at once."""
    terminal: Terminal = context.obj
    with terminal.desk(administration=True) as desk:
        answer = desk.delete(f"/keys/{key_id}", missing="Try: healthmon keys list")
    if as_json:
        show_json("key/1", {"key": answer})
        return
    number, role, name, _, _ = read(_row, escaped(answer))
    terminal.screen().show([f"Key {number} ({role}, {name}) is revoked."])


def _row(key: Any) -> tuple[int, str, str, str, str | None]:
    return key["key_id"], key["role"], key["name"], key["created"], key["revoked"]


def _lines(rows: list[tuple[int, str, str, str, str | None]], screen: Screen, now_seconds: float) -> list[str]:
    if not rows:
        return ["No keys.", "", "Make one: healthmon keys create --role viewer"]
    working = sum(revoked is None for *_, revoked in rows)
    shown = [
        [str(number), role, clock(made, now_seconds), f"REVOKED {clock(ended, now_seconds)}" if ended else "ok", name]
        for number, role, name, made, ended in rows
    ]
    table = screen.table(("id", "role", "made", "state", "name"), shown)
    return [f"{working} of {count(len(rows), 'key')} in use", *table, "", "End one: healthmon keys revoke ID"]
