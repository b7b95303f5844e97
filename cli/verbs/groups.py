"""`healthmon groups` and `group set`: how the groups of hosts are, and how often their agents report."""

import json
import shlex
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.listing import show_list
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import count


def groups(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema groups/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List the groups of hosts.

    --plain: name, worst state, hosts, interval in seconds, hosts at another interval.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answered = desk.every("/groups")
    show_list(terminal, "groups", answered, as_json=as_json, plain=plain, row=_plain, lines=_lines)


def set_group(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="GROUP")],
    interval: Annotated[
        str, typer.Option(metavar="SECONDS", help="How often its agents report, 1 to 300; default: as their files say.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema group/1.")] = False,
) -> None:
    """Set how often the agents of a group report."""
    terminal: Terminal = context.obj
    if not name:
        raise Trouble("The group has no name. Those there are: healthmon groups", ExitCode.USAGE)
    wish = {"interval_seconds": None if interval == "default" else _seconds(interval)}
    with terminal.desk() as desk:
        answer = desk.put(f"/groups/{quote(name, safe='')}", json.dumps(wish).encode())
    if as_json:
        show_json("group/1", {"group": answer})
        return
    screen = terminal.screen()
    screen.show(read(lambda one: _set_lines(one, screen), escaped(answer)))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 300:
        raise Trouble(f"{text!r} is no interval. Give 1 to 300 seconds, or default.", ExitCode.USAGE)
    return seconds


def _set_lines(one: Any, screen: Screen) -> list[str]:
    waiting = f" {count(one['differing'], 'host')} to follow." if one["differing"] else ""
    told = f"Group {one['name']}, {count(one['hosts'], 'host')}: {_interval(one)}.{waiting}"
    hint = ["", *screen.prose(one["hint"])] if one["hint"] else []
    if hint and one["interval_seconds"] is not None:
        hint.append(f"Take it back: healthmon group set {shlex.quote(one['name'])} --interval default")
    return [*screen.prose(told), *hint]


def _interval(one: Any) -> str:
    seconds = one["interval_seconds"]
    return "as their files say" if seconds is None else f"every {seconds:g} s"


def _lines(items: Sequence[Any], screen: Screen) -> list[str]:
    if not items:
        return ["No groups.", "", "Name one in the settings of an agent: HEALTHMON_GROUP=web"]
    rows = [
        [one["name"], screen.state(one["state"]) if one["state"] else "no hosts", str(one["hosts"]), _interval(one)]
        for one in items
    ]
    table = screen.table(("group", "worst", "hosts", "reports"), rows)
    return [count(len(items), "group"), *table, "", "Set one: healthmon group set GROUP --interval SECONDS"]


def _plain(one: Any) -> tuple[object, ...]:
    return one["name"], one["state"], one["hosts"], one["interval_seconds"], one["differing"]
