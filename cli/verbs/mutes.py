"""`healthmon mute`, `unmute` and `mutes`: whom nobody wants to hear of for a while."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.listing import show_list
from cli.references import OTHERS, incident_number, is_incident, length_seconds, stated
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import clock, count

MOST_ROWS = 50
LONGEST_SECONDS = 30 * 86_400
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, schema mute/1.")]


def mute(
    context: typer.Context,
    duration: Annotated[str, typer.Option("--for", metavar="LENGTH", help="Like 30m, 2h or 7d; 30 days at most.")],
    reason: Annotated[str, typer.Option(help="Why: the others read it.")],
    target: Annotated[str | None, typer.Argument(metavar="i/NUMBER|HOST", help="An incident or a whole host.")] = None,
    group: Annotated[str | None, typer.Option(help="All hosts of this group.")] = None,
    as_json: AsJson = False,
) -> None:
    """Mute an incident, a host or a group: its state stays known, nobody is notified of it."""
    if (target is None) == (group is None):
        told = "Give an incident, a host or a group: healthmon mute i/142 --for 2h --reason TEXT"
        raise Trouble(told, ExitCode.USAGE)
    wish: dict[str, Any] = {"reason": stated(reason, "reason"), "for_seconds": _seconds(duration), "group": group}
    of_incident = target is not None and is_incident(target)
    if target is not None:
        wish |= {"incident": incident_number(target)} if of_incident else {"agent": target}
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        missing = OTHERS if of_incident else "Try: healthmon status"
        answer = desk.post("/mutes", json.dumps(wish).encode(), missing=missing)
    if as_json:
        show_json("mute/1", {"mute": answer})
        return
    screen = terminal.screen()
    screen.show(read(lambda one: _muted_lines(one, screen, terminal.now()), escaped(answer)))


def unmute(
    context: typer.Context,
    mute_no: Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**53 - 1)],
    as_json: AsJson = False,
) -> None:
    """Lift a mute: it ends at once."""
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.delete(f"/mutes/{mute_no}", missing="Try: healthmon mutes")
    if as_json:
        show_json("mute/1", {"mute": answer})
        return
    told = read(lambda one: f"Mute {one['mute_no']} of {_whom(one)} is lifted.", escaped(answer))
    terminal.screen().show([told])


def mutes(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that ended, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema mutes/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
) -> None:
    """List mutes and downtimes, the newest first.

    --plain: number, state, of whom, starts, ends, author, reason.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answered = desk.every("/mutes", {"state": "all" if every else "current"})
    show_list(
        terminal,
        "mutes",
        answered,
        as_json=as_json,
        plain=plain,
        row=_plain,
        lines=lambda items, screen: _lines(items, screen, terminal.now()),
    )


def _seconds(duration: str) -> int:
    seconds = length_seconds(duration)
    if seconds > LONGEST_SECONDS:
        told = f"{duration} is too long: nothing is muted for more than 30 days. Give 30d, and mute it again then."
        raise Trouble(told, ExitCode.USAGE)
    return seconds


def _muted_lines(one: Any, screen: Screen, now_seconds: float) -> list[str]:
    told = f"Muted {_whom(one)} until {clock(one['ends'], now_seconds)} UTC ({one['reason']})."
    hint = screen.prose(one["hint"]) if one["hint"] else []
    return [*screen.prose(told), *hint, "", f"Lift it: healthmon unmute {one['mute_no']}"]


def _lines(items: Sequence[Any], screen: Screen, now_seconds: float) -> list[str]:
    if not items:
        return ["Nothing is muted."]
    shown = items[:MOST_ROWS]
    rows = [
        [str(one["mute_no"]), one["state"], _whom(one), _until(one, now_seconds), f"{one['reason']} ({one['author']})"]
        for one in shown
    ]
    left = len(items) - len(shown)
    liftable = next((one["mute_no"] for one in shown if one["state"] in ("in force", "waiting")), None)
    return [
        count(len(items), "mute"),
        *screen.table(("number", "state", "of", "until (utc)", "why"), rows),
        *(["", f"and {left:,} more: healthmon mutes --plain"] if left else []),
        *(["", f"Lift one: healthmon unmute {liftable}"] if liftable is not None else []),
    ]


def _until(one: Any, now_seconds: float) -> str:
    if one["lifted"] is not None:
        return clock(one["lifted"], now_seconds)
    if one["weekly"] is not None:
        return "each week"
    return "" if one["ends"] is None else clock(one["ends"], now_seconds)


def _whom(one: Any) -> str:
    """What the mute covers, as people say it."""
    if one["incident"] is not None:
        return f"i/{one['incident']}"
    host = one["host_name"] or one["agent_id"]
    parts = [("host", host), ("group", one["group"]), ("rule", one["rule"]), ("", one["subject"])]
    return ", ".join(f"{word} {name}".strip() for word, name in parts if name is not None) or "everything"


def _plain(one: Any) -> tuple[object, ...]:
    return one["mute_no"], one["state"], _whom(one), one["starts"], one["ends"], one["author"], one["reason"]
