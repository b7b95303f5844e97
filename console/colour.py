"""When output has colour. The order of decision is that of no-color.org and force-color.org."""

import os
from collections.abc import Mapping
from typing import IO, Literal

Choice = Literal["always", "never", "auto"]


def wants_colour(stream: IO[str], choice: Choice = "auto", environment: Mapping[str, str] = os.environ) -> bool:
    """`--color` wins over NO_COLOR, that over FORCE_COLOR, that over TERM=dumb; else a terminal has colour."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return environment.get("TERM") != "dumb" and stream.isatty()
