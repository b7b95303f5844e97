"""`healthmon notices` and `notify-test`: what was sent to whom, and whether a channel works."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from cli.answers import read
from cli.listing import show_list
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import clock, count

MOST_ROWS = 50
Which = Literal["waiting", "delivered", "dead", "cancelled", "all"]


def notices(
    context: typer.Context,
    state: Annotated[Which, typer.Option(help="dead: nobody tries them again.")] = "all",
    retry: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, max=2**53 - 1, help="Have this dead one tried again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema notices/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List notices, the newest first.

    --plain: number, state, kind, channel, incident, created, attempts, why.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        if retry is not None:
            answered = [desk.post(f"/notices/{retry}/retry", missing="Try: healthmon notices --state dead")]
        elif as_json or plain:
            answered = desk.every("/notices", {"state": state})
        else:
            path, most = "/notices", {"state": state, "limit": str(MOST_ROWS + 1)}
            answered = read(lambda part: list(part["items"]), desk.get(path, most))
    show_list(
        terminal,
        "notices",
        answered,
        as_json=as_json,
        plain=plain,
        row=_plain,
        lines=lambda items, screen: _lines(items, state, screen, terminal.now()),
    )


def notify_test(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="As the notifications file names it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema notice/1.")] = False,
) -> None:
    """Send a test to a channel."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.post(f"/channels/{quote(channel, safe='')}/test")
    if as_json:
        show_json("notice/1", {"notice": answer})
        return
    number, name = read(lambda one: (one["notice_no"], one["channel"]), escaped(answer))
    screen = terminal.screen()
    told = f"Test {number} to {name} is on its way. The processor sends it within seconds while it runs."
    screen.show([*screen.prose(told), "", "See what came of it: healthmon notices"])


def _lines(items: Sequence[Any], which: Which, screen: Screen, now_seconds: float) -> list[str]:
    adjective = "" if which == "all" else f"{which} "
    if not items:
        return [f"No {adjective}notices."]
    shown = items[:MOST_ROWS]
    more = len(items) > len(shown)
    failed = next((one for one in shown if one["now"]), None)
    return [
        f"{'More than ' if more else ''}{count(len(shown), f'{adjective}notice')}",
        *screen.table(("number", "created", "state", "channel", "what"), [_row(one, now_seconds) for one in shown]),
        *(["", "and more: healthmon notices --plain"] if more else []),
        *(["", *screen.prose(f"{failed['notice_no']}: {failed['why']}. {failed['now']}")] if failed else []),
    ]


def _row(one: Any, now_seconds: float) -> list[str]:
    of = "" if one["incident"] is None else f" of i/{one['incident']}"
    what = f"{one['kind']}{of}: {one['sentence']}"
    return [str(one["notice_no"]), clock(one["created"], now_seconds), one["state"], one["channel"], what]


def _plain(one: Any) -> tuple[object, ...]:
    names = ("notice_no", "state", "kind", "channel", "incident", "created", "attempts", "why")
    return tuple(one[name] for name in names)
