"""`healthmon poll HOST`: ask one agent to report now."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.readings import usage_lines
from cli.screen import show_json
from cli.terminal import Terminal
from cli.text import escaped
from cli.words import clock
from console.text import escape


def poll(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema snapshot/1.")] = False,
) -> None:
    """Ask a host's agent to report now, and print what it answers. Exit code 75: asked, not answered yet."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.post(f"/agents/{quote(host, safe='')}/poll", missing="Try: healthmon status")
    if "command_id" in answer:
        told = escaped(answer.get("detail", "No answer yet."))
        raise Trouble(f"{told} Try: healthmon status", ExitCode.TRY_AGAIN)
    if as_json:
        show_json("snapshot/1", {"snapshot": answer})
        return
    seq, taken, readings = read(_snapshot, escaped(answer))
    screen = terminal.screen()
    told = f"{escape(host)} answered: snapshot {seq}, taken {clock(taken, terminal.now())} UTC"
    screen.show([*screen.prose(told), *usage_lines(readings, screen)])


def _snapshot(answer: Any) -> tuple[int, str, dict[str, float]]:
    return answer["seq"], answer["time"], answer["readings"]
