"""Names of readings: `cpu.usage_percent`, or with labels `disk.usage_percent{mount="/var"}`.

Labels are sorted by name; in a value backslash, quote and newline are escaped as in Prometheus' text format.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_UNESCAPES = {written: plain for plain, written in _ESCAPES.items()}
METRIC_GROUPS = ("cpu", "load", "memory", "swap", "disk", "disk_io", "network", "processes", "uptime")
_ODD_GROUPS = {"disk.io": "disk_io", "system": "uptime"}  # of metrics whose names do not begin with their group's
NOT_OFFERED = "not offered here: "  # how the reason begins where a system never has what a collector needs
_LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def reading_name(metric: str, **labels: str) -> str:
    """Join a metric's name and its labels into a reading's name."""
    if not labels:
        return metric
    pairs = (f'{name}="{_escape(labels[name])}"' for name in sorted(labels))
    return f"{metric}{{{','.join(pairs)}}}"


@lru_cache(maxsize=16384)
def parse_reading_name(name: str) -> tuple[str, Mapping[str, str]]:
    """Split a reading's name into metric and labels; raises ValueError when it is malformed."""
    metric, brace, rest = name.partition("{")
    if not brace:
        return name, MappingProxyType({})
    if not rest.endswith("}"):
        raise ValueError(f"reading {name!r}: labels do not end with '}}'")
    return metric, MappingProxyType(_parse_labels(name, rest[:-1]))


def is_reading_name(name: str) -> bool:
    """Whether `parse_reading_name` takes it."""
    try:
        parse_reading_name(name)
    except ValueError:
        return False
    return True


def metric_group(metric: str) -> str:
    """Which collector brings the metric: `disk_io` of `disk.io.busy_percent`, `custom` of a user's own."""
    first, _, rest = metric.partition(".")
    return _ODD_GROUPS.get(f"{first}.{rest.partition('.')[0]}") or _ODD_GROUPS.get(first, first)


def _parse_labels(name: str, text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError(f"reading {name!r}: labels are malformed at {text[position:]!r}")
        labels[match[1]] = re.sub(r'\\["\\n]', lambda escape: _UNESCAPES[escape[0]], match[2])
        position = match.end()
    return labels


def _escape(value: str) -> str:
    return re.sub(r'["\\\n]', lambda character: _ESCAPES[character[0]], value)
