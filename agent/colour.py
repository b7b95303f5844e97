"""Whether output may be coloured, and the four colours there are."""

import os
import sys
from collections.abc import Mapping

_CODES = {"red": "1;31", "yellow": "33", "green": "32", "dim": "2"}


def wants_colour(choice: str, environment: Mapping[str, str] = os.environ, *, is_terminal: bool | None = None) -> bool:
    """First of: --color=always|never, NO_COLOR, FORCE_COLOR, TERM=dumb, a terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    if environment.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty() if is_terminal is None else is_terminal


def coloured(text: str, colour: str) -> str:
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
