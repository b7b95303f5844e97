"""Log lines: `HH:MM:SS LEVEL  text`, or one JSON object each with LOG_FORMAT=json; LOG_LEVEL as usual."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime

from agent.settings import ConfigError

LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
_WORDS = {number: word for word, number in LEVELS.items()} | {logging.CRITICAL: "ERROR"}


class TextFormatter(logging.Formatter):
    """For people: a traceback is cut to its last frame unless `whole_traces`."""

    def __init__(self, *, whole_traces: bool) -> None:
        super().__init__()
        self._whole_traces = whole_traces

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        trace = _trace(record, whole=self._whole_traces)
        return f"{clock} {_WORDS.get(record.levelno, record.levelname):<5}  {record.getMessage()}{trace}"


class JsonFormatter(logging.Formatter):
    """For machines: one object a line, UTC."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _WORDS.get(record.levelno, record.levelname).lower(),
            "logger": record.name,
            "event": record.getMessage() + _trace(record, whole=False),
            "service": "healthmon-agent",
        }
        return json.dumps(fields, ensure_ascii=False)


def configure_logging(environment: Mapping[str, str]) -> None:
    """Log to stdout; the driver is silenced, since the link says in our words what happens. Raises ConfigError."""
    level = LEVELS.get(environment.get("LOG_LEVEL", "INFO").upper().replace("WARNING", "WARN"))
    style = environment.get("LOG_FORMAT", "text")
    problems = []
    if level is None:
        problems.append(f"environment: LOG_LEVEL is none of {', '.join(LEVELS)}.")
    if style not in ("text", "json"):
        problems.append("environment: LOG_FORMAT is none of text, json.")
    if problems:
        raise ConfigError(problems)
    handler = logging.StreamHandler(sys.stdout)
    whole_traces = environment.get("LOG_TRACE") == "1"
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter(whole_traces=whole_traces))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel(logging.CRITICAL + 1)


def _trace(record: logging.LogRecord, *, whole: bool) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    if whole:
        return "\n" + "".join(traceback.format_exception(error)).rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    return f" ({type(error).__name__}: {error}{where}; LOG_TRACE=1 shows all)"
