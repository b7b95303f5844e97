"""The readings that tell how a host is: how much of what it has is in use."""

import re
from collections.abc import Mapping

from cli.screen import Screen

MOST_ROWS = 12
USAGE = re.compile(r'(?P<thing>cpu|memory|swap|disk|disk\.inodes)[._]usage_percent(?:\{[a-z]+="(?P<of>.*)"\})?')


def usage_lines(readings: Mapping[str, float], screen: Screen) -> list[str]:
    """A table of what is in use, the fullest first; empty when nothing of it was read."""
    found = {_thing(match): value for name, value in readings.items() if (match := USAGE.fullmatch(name))}
    fullest = sorted(found.items(), key=lambda item: -item[1])[:MOST_ROWS]
    return screen.table(("used", "of"), [(f"{value:5.1f} %", thing) for thing, value in fullest]) if found else []


def _thing(match: re.Match[str]) -> str:
    return " ".join(part for part in (match["thing"].replace(".", " "), match["of"]) if part)
