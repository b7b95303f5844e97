"""`healthmon quarantine`: messages that came and could not be taken in, with why and what now."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.listing import show_list
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import clock, count

MOST_ROWS = 50
MOST_BODY_LINES = 200
Reason = Annotated[str | None, typer.Option(help="Only those with this reason, like not-json.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**53 - 1)]


def list_quarantined(
    context: typer.Context,
    reason: Reason = None,
    agent: Annotated[str | None, typer.Option(metavar="HOST", help="Only those that this agent sent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema quarantine/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List what lies in quarantine, the newest first.

    --plain: number, received, sender, reason, bytes, redrive requested, detail.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    asked = {name: value for name, value in (("reason", reason), ("agent", agent)) if value is not None}
    with terminal.desk() as desk:
        if as_json or plain:
            answered = desk.every("/quarantine", asked, missing="Try: healthmon status")
        else:
            path, most = "/quarantine", {"limit": str(MOST_ROWS + 1)}
            answered = read(lambda part: list(part["items"]), desk.get(path, asked | most))
    show_list(
        terminal,
        "quarantine",
        answered,
        as_json=as_json,
        plain=plain,
        row=_plain,
        lines=lambda items, screen: list_lines(items, screen, terminal.now()) if items else _none(asked),
    )


def show_quarantined(
    context: typer.Context,
    number: Number,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema quarantined/1.")] = False,
) -> None:
    """Show one message: what happened, why, what now, and its bytes with every control character visible."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.get(f"/quarantine/{number}", missing="Try: healthmon quarantine list")
    if as_json:
        show_json("quarantined/1", {"quarantined": answer})
        return
    screen = terminal.screen()
    body = read(lambda one: escaped(str(one["body"]["content"]), keep_lines=True), answer)
    screen.show(read(lambda one: message_lines(one, body, screen, terminal.now()), escaped(answer)))


def redrive(
    context: typer.Context,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="NUMBER...", min=1, max=2**53 - 1)] = None,
    reason: Reason = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema redrive/1.")] = False,
) -> None:
    """Have the processor read quarantined messages again. What it cannot take in comes back here."""
    if bool(numbers) == (reason is not None):
        told = "Give numbers or a reason: healthmon quarantine redrive 12 13, or --reason unknown-version"
        raise Trouble(told, ExitCode.USAGE)
    terminal: Terminal = context.obj
    wish = {"numbers": numbers} if numbers else {"reason": reason}
    with terminal.desk() as desk:
        answer = desk.post("/quarantine/redrive", json.dumps(wish).encode(), missing="Try: healthmon quarantine list")
    requested = read(lambda one: int(one["requested"]), answer)
    if not requested:
        raise Trouble("Nothing in quarantine fits. Try: healthmon quarantine list", ExitCode.NONE)
    if as_json:
        show_json("redrive/1", {"redrive": answer})
        return
    screen = terminal.screen()
    told = f"{count(requested, 'message')} to be read again. The processor does it within seconds while it runs."
    screen.show([*screen.prose(told), "", "See what is left: healthmon quarantine list"])


def list_lines(items: Sequence[Any], screen: Screen, now_seconds: float) -> list[str]:
    """How many, a row for each, what to do about the newest one's reason, what to ask next. There is at least one."""
    shown = items[:MOST_ROWS]
    rows = [
        [str(one["number"]), clock(one["received"], now_seconds), one["sender"], one["reason"], one["detail"]]
        for one in shown
    ]
    more = len(items) > len(shown)
    newest = shown[0]
    return [
        f"{'More than ' if more else ''}{count(len(shown), 'message')} in quarantine",
        *screen.table(("number", "received", "sender", "reason", "detail"), rows),
        *(["", "and more: healthmon quarantine list --plain"] if more else []),
        "",
        *screen.prose(f"{newest['reason']}: {newest['what']} {newest['now']}"),
        "",
        f"Next: healthmon quarantine show {newest['number']}",
    ]


def _none(asked: Mapping[str, str]) -> list[str]:
    return (
        ["Nothing in quarantine fits.", "", "All: healthmon quarantine list"]
        if asked
        else ["Nothing is in quarantine."]
    )


def message_lines(one: Any, body: str, screen: Screen, now_seconds: float) -> list[str]:
    """`body` has its lines; everything else is one line each."""
    lines = body.splitlines()
    left = len(lines) - MOST_BODY_LINES
    shown = one["body"]
    return [
        *screen.prose(f"{one['number']} {one['reason']}: {one['what']} ({one['detail']})"),
        *screen.prose(f"Why: {one['why']}", "  "),
        *screen.prose(f"What now: {one['now']}", "  "),
        "",
        *screen.prose(f"received {clock(one['received'], now_seconds)} UTC, sent as {one['sender']}", "  "),
        *(f"  {name}: {value}" for name, value in sorted(one["headers"].items())),
        f"  sha256: {one['sha256']}",
        "",
        f"BODY ({shown['size_bytes']:,} bytes, the first {shown['shown_bytes']:,} shown as {shown['encoding']})",
        *(f"  {line}" for line in lines[:MOST_BODY_LINES]),
        *([f"  and {left:,} more lines: --json"] if left > 0 else []),
        *(["", f"Next: healthmon quarantine redrive {one['number']}"] if one["redrivable"] else []),
    ]


def _plain(one: Any) -> tuple[object, ...]:
    requested = one["redrive_requested"]
    return one["number"], one["received"], one["sender"], one["reason"], one["size_bytes"], requested, one["detail"]
