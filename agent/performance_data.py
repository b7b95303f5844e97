"""Performance data of monitoring plugins, and the readings they become.

    DISK OK - 73905 MiB free | /=31447842816B;216442024755;243497277849;0;270552530944
    '<label>'=<value>[<unit>][;<warning>[;<critical>[;<least>[;<most>]]]], separated by spaces

Source: "Monitoring Plugins Development Guidelines", chapters "Plugin Output" and "Performance data". Of each only
label, value and unit are kept. What does not follow the rule is left out, and the next is looked at.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from agent.plain_text import plain_text
from rabbitmq.readings import reading_name
from rabbitmq.records import LONGEST_NAME

MOST_READINGS = 100
LONGEST_LABEL = 128

_VALUE = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)([^\s;,.='\"0-9]*)(?![^\s;])")
_SPACE = re.compile(r"\s")
_ONE = 1.0
_KIB = 1024.0

# the unit as plugins write it: the metric, and what one of it is in the metric's own unit
_UNITS: dict[str, tuple[str, float]] = {
    "s": ("check.seconds", _ONE),
    "ms": ("check.seconds", 1e-3),
    "us": ("check.seconds", 1e-6),
    "%": ("check.percent", _ONE),
    "c": ("check.count", _ONE),
    "B": ("check.bytes", _ONE),
    **{
        prefix + unit: ("check.bytes", _KIB**power)
        for power, prefixes in enumerate(("kK", "M", "G", "T", "P"), start=1)
        for prefix in prefixes
        for unit in ("B", "iB")
    },
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One number with its label and unit as plugins write them, like time, s, 0.012."""

    label: str
    unit: str
    value: float


def split_output(text: str) -> tuple[str, str]:
    """A plugin's output as the text for people and the performance data, either of which may have several lines.

    The first line may have data behind a |; of all other lines, what follows their first | is data to the end.
    """
    first, _, rest = text.partition("\n")
    line, _, data = first.partition("|")
    more, _, more_data = rest.partition("|")
    return f"{line.rstrip()}\n{more}".strip(), f"{data}\n{more_data}".strip()


def parse_performance_data(text: str) -> tuple[Measured, ...]:
    """The first MOST_READINGS numbers in `text`; never raises."""
    return tuple(islice(_measured(text), MOST_READINGS))


def readings(check: str, measured: Iterable[Measured]) -> dict[str, float]:
    """Readings by name, like `check.seconds{check="web",label="time"}`, in seconds, bytes and per cent.

    A unit that is not known, or none, gives `check.value`. Of two numbers with one name the first counts.
    """
    found: dict[str, float] = {}
    for each in islice(measured, MOST_READINGS):
        metric, factor = _UNITS.get(each.unit, ("check.value", _ONE))
        label = plain_text(each.label)[:LONGEST_LABEL]
        name, value = reading_name(metric, check=check, label=label), each.value * factor
        if len(name) <= LONGEST_NAME and math.isfinite(value):
            found.setdefault(name, value)
    return found


def _measured(text: str) -> Iterator[Measured]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        label, equals = _label(text, position)
        match = _VALUE.match(text, equals + 1) if label else None
        if match is not None and math.isfinite(float(match[1])):
            yield Measured(label, match[2], float(match[1]))
        space = _SPACE.search(text, match.end() if match is not None else equals)
        position = len(text) if space is None else space.end()


def _label(text: str, start: int) -> tuple[str, int]:
    """The label that begins at `start` and where its = is; without one, an empty label and where to look further."""
    if text[start] != "'":
        space = _SPACE.search(text, start)
        end = len(text) if space is None else space.start()
        equals = text.find("=", start, end)
        return (text[start:equals], equals) if equals > start else ("", end)
    end = _closing_quote(text, start + 1)
    label = text[start + 1 : end].replace("''", "'").strip()
    return (label, end + 1) if text.startswith("=", end + 1) else ("", end)


def _closing_quote(text: str, start: int) -> int:
    """The next quote that is not doubled; the end of the text when there is none."""
    end = text.find("'", start)
    while end >= 0 and text.startswith("'", end + 1):
        end = text.find("'", end + 2)
    return len(text) if end < 0 else end
