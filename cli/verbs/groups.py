"""`healthmon groups` and `group set`: how the groups of hosts are, how often their agents report, and what."""

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

DEFAULT = "default"
NO_NAMES = ("", ".", "..")  # the latter two are steps of a path in an address
TAKE_BACK = {"interval_seconds": "--interval default", "collectors": "--collectors default"}


def groups(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema groups/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List the groups of hosts.

    --plain: name, worst state, hosts, interval in seconds, hosts that differ from what they are told, metric groups.
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
        str | None,
        typer.Option(metavar="SECONDS", help="How often its agents report, 1 to 300; default: as their files say."),
    ] = None,
    collectors: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="What they measure only, like cpu,memory; default: as their files say."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema group/1.")] = False,
) -> None:
    """Set how often the agents of a group report, and what. What is not given stays as it is."""
    terminal: Terminal = context.obj
    if name in NO_NAMES:
        raise Trouble(f"The name {name!r} is no group's. Those there are: healthmon groups", ExitCode.USAGE)
    wish: dict[str, object] = {}
    if interval is not None:
        wish["interval_seconds"] = None if interval == DEFAULT else _seconds(interval)
    if collectors is not None:
        wish["collectors"] = None if collectors == DEFAULT else _names(collectors)
    if not wish:
        raise Trouble("Nothing to set. Give --interval, --collectors, or both.", ExitCode.USAGE)
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


def _names(text: str) -> list[str]:
    """Which there are the help desk knows, and says."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _set_lines(one: Any, screen: Screen) -> list[str]:
    waiting = f" {count(one['differing'], 'host')} to follow." if one["differing"] else ""
    told = f"Group {one['name']}, {count(one['hosts'], 'host')}: {_told(one)}.{waiting}"
    hint = ["", *screen.prose(one["hint"])] if one["hint"] else []
    options = [option for key, option in TAKE_BACK.items() if one.get(key) is not None]
    if hint and options:
        hint.append(f"Take it back: healthmon group set {shlex.quote(one['name'])} {' '.join(options)}")
    return [*screen.prose(told), *hint]


def _told(one: Any) -> str:
    """An older help desk knows of no metric groups."""
    seconds, collectors = one["interval_seconds"], one.get("collectors")
    told = [] if seconds is None else [f"every {seconds:g} s"]
    told += [] if collectors is None else [f"only {', '.join(collectors)}"]
    return "; ".join(told) or "as their files say"


def _lines(items: Sequence[Any], screen: Screen) -> list[str]:
    if not items:
        return ["No groups.", "", "Name one in the settings of an agent: HEALTHMON_GROUP=web"]
    rows = [
        [one["name"], screen.state(one["state"]) if one["state"] else "no hosts", str(one["hosts"]), _told(one)]
        for one in items
    ]
    table = screen.table(("group", "worst", "hosts", "reports"), rows)
    how = "Set one: healthmon group set GROUP --interval SECONDS --collectors NAMES"
    return [count(len(items), "group"), *table, "", how]


def _plain(one: Any) -> tuple[object, ...]:
    collectors = one.get("collectors")
    told = None if collectors is None else ",".join(collectors)
    return one["name"], one["state"], one["hosts"], one["interval_seconds"], one["differing"], told
