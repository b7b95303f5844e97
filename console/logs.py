"""Log lines for `docker-compose logs -f`: `HH:MM:SS LEVEL  what changed`, or one JSON object a line on request.

LOG_FORMAT=json and LOG_LEVEL switch; LOG_TRACE=1 shows whole tracebacks, which are one frame otherwise. Lines have
local time, as the watcher's clock; objects have UTC.
"""

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from types import TracebackType

from console.colour import wants_colour
from console.text import escape

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
STYLES = ("text", "json")
_COLOURS = {"WARN": "\x1b[33m", "ERROR": "\x1b[1;31m", "CRIT": "\x1b[1;31m"}
_NAMES = {"WARNING": "WARN", "CRITICAL": "CRIT"}
# pika says the same thing five times over; our publisher and consumer say it once, with what to do
_QUIET = {"pika": logging.CRITICAL + 1, "alembic": logging.WARNING}


class LineFormatter(logging.Formatter):
    """One event, one line; control characters of hosts' data are escaped, so nobody can forge a line."""

    def __init__(self, *, colour: bool, whole_traces: bool) -> None:
        super().__init__()
        self._colour = colour
        self._whole_traces = whole_traces

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = _NAMES.get(record.levelname, record.levelname)
        shown = f"{_COLOURS[level]}{level:<5}\x1b[0m" if self._colour and level in _COLOURS else f"{level:<5}"
        line = f"{clock} {shown}  {escape(record.getMessage())}"
        return line + _trace(record, self._whole_traces)


class JsonFormatter(logging.Formatter):
    """The same as one JSON object: ts, level, logger, event."""

    def __init__(self, *, whole_traces: bool) -> None:
        super().__init__()
        self._whole_traces = whole_traces

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event = record.getMessage() + _trace(record, self._whole_traces)
        fields = {
            "ts": f"{clock}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event,
        }
        return json.dumps(fields, ensure_ascii=True)


def start_logging(environment: Mapping[str, str] = os.environ) -> None:
    """Send all logging to standard output in the format asked for; ValueError says which settings are bad."""
    level, style = environment.get("LOG_LEVEL", "INFO").upper(), environment.get("LOG_FORMAT", "text")
    problems = []
    if level not in LEVELS:
        problems.append(f"LOG_LEVEL is none of {', '.join(LEVELS)}")
    if style not in STYLES:
        problems.append(f"LOG_FORMAT is none of {', '.join(STYLES)}")
    if problems:
        raise ValueError("\n".join(problems))
    whole_traces = environment.get("LOG_TRACE") == "1"
    formatter: logging.Formatter
    if style == "json":
        formatter = JsonFormatter(whole_traces=whole_traces)
    else:
        formatter = LineFormatter(colour=wants_colour(sys.stdout, environment=environment), whole_traces=whole_traces)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(floor)


def _trace(record: logging.LogRecord, whole: bool) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    kind, error, frames = record.exc_info
    if whole:
        return "\n" + "".join(traceback.format_exception(kind, error, frames)).rstrip()
    return escape(f" ({type(error).__name__}: {error}{_place(frames)})")


def _place(frames: TracebackType | None) -> str:
    last = traceback.extract_tb(frames)[-1:]
    return "".join(f" at {frame.filename}:{frame.lineno}" for frame in last)
