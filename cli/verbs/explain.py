"""`healthmon explain`: from an error text to known problems with what to do."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from cli.answers import Fix, fix, read
from cli.exits import ExitCode, Trouble
from cli.fix_lines import fix_lines
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped

MOST_TEXT_BYTES = 1_000_000
MOST_BODY_BYTES = 1_150_000
CHUNK_BYTES = 65_536


def explain(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A log or an error text, - for standard input.")] = "-",
    agent: Annotated[str | None, typer.Option(metavar="HOST", help="The host that printed it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema diagnosis/1.")] = False,
) -> ExitCode:
    """Explain an error text: known problems that it shows, with what to do.

    Of more than 1 MB the last 1 MB is taken. Nothing is kept. Exit code 1: no known problem matches.
    """
    terminal: Terminal = context.obj
    screen = terminal.screen()
    body = _question(_text(file, screen), agent, screen)
    with terminal.desk() as desk:
        answer = desk.post("/diagnose", body, missing="Try: healthmon status")
        url = desk.url
    matches, searched = read(_diagnosis, escaped(answer))
    if as_json:
        show_json("diagnosis/1", {"diagnosis": answer})
    else:
        screen.show(diagnosis_lines(matches, searched, url, screen))
    return ExitCode.OK if matches else ExitCode.NONE


def diagnosis_lines(matches: Sequence[Fix], searched: str, url: str, screen: Screen) -> list[str]:
    """The best match whole, the others by name; what was done and what now when there is none."""
    if not matches:
        return ["No known problem matches.", "", *screen.prose(searched), "", f"What is known: {url}/api/v1/problems"]
    best = matches[0]
    return [
        *screen.prose(_named(best)),
        *screen.prose(best.meaning, "  "),
        *fix_lines(best, screen),
        *_others(matches[1:], url, screen),
        "",
        f"Details: {url}/k/{best.slug}",
    ]


def read_tail(stream: BinaryIO, most_bytes: int) -> tuple[bytes, int]:
    """The last bytes of a stream, and how many it had; holds never more than twice as many."""
    tail, total_bytes = bytearray(), 0
    while chunk := stream.read(CHUNK_BYTES):
        total_bytes += len(chunk)
        tail += chunk
        if len(tail) > 2 * most_bytes:
            del tail[:-most_bytes]
    return bytes(tail[-most_bytes:]), total_bytes


def _text(file: str, screen: Screen) -> str:
    if file == "-" and sys.stdin.isatty():
        screen.tell("Paste the text, then press Ctrl-D.")
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            tail, total_bytes = read_tail(stream, MOST_TEXT_BYTES)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise Trouble(f"Cannot read {file}: {why}. Name a readable file, or - for a pipe.", ExitCode.USAGE) from None
    if not tail.strip():
        told = "There is no text to explain. Try: journalctl --priority warning | healthmon explain"
        raise Trouble(told, ExitCode.USAGE)
    if total_bytes > MOST_TEXT_BYTES:
        screen.tell(f"The text has {total_bytes / 1e6:.1f} MB; its last 1 MB is searched.")
    return tail.decode("utf-8", "replace")


def _question(text: str, agent: str | None, screen: Screen) -> bytes:
    """The request's body. Escapes can make it longer than the help desk takes: then the text loses its beginning."""
    about = {} if agent is None else {"agent": agent}
    body = _body({"text": text, **about})
    if len(body) > MOST_BODY_BYTES:
        screen.tell("The text has many signs that need escapes; its last part is searched.")
    while len(body) > MOST_BODY_BYTES:
        text = text[-(len(text) * MOST_BODY_BYTES // len(body)) :]
        body = _body({"text": text, **about})
    return body


def _body(question: Mapping[str, str]) -> bytes:
    return json.dumps(question, ensure_ascii=False).encode("utf-8", "replace")


def _diagnosis(answer: Any) -> tuple[list[Fix], str]:
    return [fix(match) for match in answer["matches"]], answer["searched"]


def _named(match: Fix) -> str:
    more = ", ..." if len(match.lines) > 1 else ""
    place = f", line {match.lines[0]}{more}" if match.lines else ""
    return f"{match.title} ({match.confidence} match{place})"


def _others(others: Sequence[Fix], url: str, screen: Screen) -> list[str]:
    if not others:
        return []
    named = (line for other in others for line in screen.prose(f"{_named(other)}: {url}/k/{other.slug}", "  "))
    return ["", "ALSO POSSIBLE", *named]
