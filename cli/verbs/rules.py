"""`healthmon rules test`: what an edited rule file would have said of the past, before it is saved."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped
from cli.words import clock, count

MOST_FILE_BYTES = 64 * 1024
MOST_ROWS = 20
STANDARD_INPUT = "standard input"  # as messages name it
WHOLE_FLEET = "(fleet)"
PATIENCE_SECONDS = 40.0
_SPAN_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_LISTS = (("edited", "WITH THE FILE"), ("missed", "MISSED, WITH TODAY'S RULE ONLY"))


def try_rules(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The rule file, YAML, up to 64 KiB; - for standard input.")],
    since: Annotated[str, typer.Option(metavar="SPAN", help="How far back: 30min, 12h, 7d.")] = "7d",
    agent: Annotated[str | None, typer.Option(metavar="HOST", help="Over this host's snapshots alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema replay/1.")] = False,
) -> None:
    """Try a rule file on the past: the incidents it would have opened, beside those of today's rules.

    Nothing is kept and nothing changes. It takes 30 s at most and says how far it came. A fleet's rule looks at all
    hosts, whatever --agent says.
    """
    terminal: Terminal = context.obj
    question: dict[str, Any] = {"file": _name(file), "content": _content(file), "since_seconds": span_seconds(since)}
    if agent is not None:
        question["agent"] = agent
    body = json.dumps(question).encode()
    with terminal.desk() as desk:
        answer = desk.post("/rules/replay", body, missing="Try: healthmon status", patience_seconds=PATIENCE_SECONDS)
    if as_json:
        show_json("replay/1", {"replay": answer})
        return
    screen = terminal.screen()
    screen.show(read(lambda told: _lines(told, screen, terminal.now()), escaped(answer)))


def span_seconds(text: str) -> float:
    """Seconds in a span of time like 7d. Raises Trouble."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?) ?(s|min|h|d)", text.strip())
    seconds = float(found[1]) * _SPAN_SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        told = f"--since {text!r} is no span of time. Give a number with s, min, h or d, like 7d."
        raise Trouble(told, ExitCode.USAGE)
    return seconds


def _is_piped(file: Path) -> bool:
    return str(file) == "-"


def _name(file: Path) -> str:
    return STANDARD_INPUT if _is_piped(file) else file.name


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if _is_piped(file) else file.open("rb")


def _content(file: Path) -> str:
    shown = STANDARD_INPUT if _is_piped(file) else str(file)
    try:
        with _opened(file) as stream:
            content = stream.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            told = f"{shown} is larger than 64 KiB. Give a file with the edited rules alone."
            raise Trouble(told, ExitCode.USAGE)
        return content.decode()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise Trouble(f"Cannot read {shown}: {why}. Name a readable rule file.", ExitCode.USAGE) from None
    except UnicodeDecodeError:
        raise Trouble(f"{shown} is not text in UTF-8. Name a rule file.", ExitCode.USAGE) from None


def _lines(answer: Mapping[str, Any], screen: Screen, now_seconds: float) -> list[str]:
    """What was run over comes last, but first when it was not all of it."""
    lines: list[str] = []
    for rule in answer["rules"]:
        lines += screen.prose(f"{rule['rule']}: {rule['sentence']}")
        for name, title in _LISTS:
            lines += _incidents(title, rule[name], rule[f"{name}_count"], screen, now_seconds)
        lines.append("")
    run = f"{count(answer['snapshots'], 'snapshot')} of {count(answer['agents'], 'agent')}"
    covered = screen.prose(f"Run over {run}: {answer['coverage']}.")
    if answer["ended"]:
        asked = screen.prose("To see all of it ask for one host (--agent), or a shorter time (--since).")
        return [*covered, *asked, "", *lines[:-1]]
    return [*lines, *covered]


def _incidents(
    title: str, some: Sequence[Mapping[str, Any]], total: int, screen: Screen, now_seconds: float
) -> list[str]:
    """The first of them: the answer may have fewer than there are in total."""
    if not some:
        return []
    rows = [
        [
            one["host_name"] or one["agent_id"] or WHOLE_FLEET,
            screen.state(one["severity"]),
            clock(one["opened"], now_seconds),
            "open" if one["closed"] is None else clock(one["closed"], now_seconds),
            one["sentence"] + ("" if one["number"] is None else f" (i/{one['number']})"),
        ]
        for one in some[:MOST_ROWS]
    ]
    listed = "all" if len(some) == total else f"the first {len(some)}"
    more = [f"  and {total - MOST_ROWS:,} more, {listed} with --json"] if total > MOST_ROWS else []
    return ["", title, *screen.table(("host", "state", "from", "to", "what"), rows)[1:], *more]
