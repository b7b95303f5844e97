"""`healthmon retire HOST`: nothing more is expected of a host that is gone for good."""

from typing import Annotated
from urllib.parse import quote

import typer

from cli.answers import read
from cli.screen import show_json
from cli.terminal import Terminal
from cli.text import escaped


def retire(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema retirement/1.")] = False,
) -> None:
    """Say that a host is gone for good: its incidents close. Its history stays; it is back when its agent sends."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.post(f"/agents/{quote(host, safe='')}/retire", missing="All hosts: healthmon status")
    if as_json:
        show_json("retirement/1", {"retirement": answer})
        return
    screen = terminal.screen()
    screen.show(read(lambda one: screen.prose(f"Retiring {one['name']}. {one['detail']}"), escaped(answer)))
