"""Lines for people, objects for machines, and no way to forge either."""

import io
import json
import logging
import time
from collections.abc import Iterator

import pytest

from console.colour import Choice, wants_colour
from console.logs import JsonFormatter, LineFormatter, start_logging


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(level: int, message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    entry = logging.LogRecord("processor.keeper", level, __file__, 1, message, arguments, None)
    entry.created, entry.msecs = 1_790_000_000.25, 250
    if error is not None:
        try:
            raise error
        except type(error) as caught:
            entry.exc_info = (type(caught), caught, caught.__traceback__)
    return entry


def line(entry: logging.LogRecord, *, colour: bool = False, whole_traces: bool = False) -> str:
    return LineFormatter(colour=colour, whole_traces=whole_traces).format(entry)


def test_a_line_is_clock_level_and_event() -> None:
    assert line(record(logging.INFO, "web-3 joined, every %d s", 5)) == "14:13:20 INFO   web-3 joined, every 5 s"


def test_levels_are_words_of_five_letters_at_most() -> None:
    assert line(record(logging.WARNING, "x")).split()[1] == "WARN"
    assert line(record(logging.CRITICAL, "x")).split()[1] == "CRIT"


def test_a_host_cannot_forge_a_line_or_paint_the_terminal() -> None:
    forged = "web-3\n14:00:00 ERROR  all is lost\x1b[31m\x9b31m\u202e\u2028"
    assert line(record(logging.INFO, "%s joined", forged)) == (
        "14:13:20 INFO   web-3\\n14:00:00 ERROR  all is lost\\x1b[31m\\x9b31m\\u202e\\u2028 joined"
    )


def test_only_the_level_is_coloured() -> None:
    assert line(record(logging.ERROR, "bad"), colour=True) == "14:13:20 \x1b[1;31mERROR\x1b[0m  bad"
    assert "\x1b" not in line(record(logging.INFO, "good"), colour=True)


def test_a_traceback_is_one_line_unless_asked_for() -> None:
    entry = record(logging.ERROR, "failed", error=ValueError("no"))
    assert line(entry).startswith("14:13:20 ERROR  failed (ValueError: no at ")
    assert "\n" not in line(entry)
    assert "Traceback" in line(entry, whole_traces=True)


def test_json_has_the_same_as_one_object() -> None:
    entry = record(logging.WARNING, "a\nb %s", "c")
    assert json.loads(JsonFormatter(whole_traces=False).format(entry)) == {
        "ts": "2026-09-21T14:13:20.250Z",
        "level": "warning",
        "logger": "processor.keeper",
        "event": "a\nb c",
    }


def test_bad_settings_are_named_all_at_once() -> None:
    with pytest.raises(ValueError, match=r"LOG_LEVEL is none of .*\nLOG_FORMAT is none of"):
        start_logging({"LOG_LEVEL": "LOUD", "LOG_FORMAT": "xml"})


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "colour"),
    [
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, True, True),
        ("auto", {}, False, False),
    ],
)
def test_the_order_in_which_colour_is_decided(
    choice: Choice, environment: dict[str, str], terminal: bool, colour: bool
) -> None:
    stream = _Terminal() if terminal else io.StringIO()
    assert wants_colour(stream, choice, environment) is colour
