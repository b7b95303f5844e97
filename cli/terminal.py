"""What every verb works with: the screen, the clock, and the way to the help desk."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from cli.exits import ExitCode, Trouble
from cli.screen import Screen, open_screen
from cli.settings import load_settings
from console.colour import Choice

if TYPE_CHECKING:
    from httpx2 import BaseTransport

    from cli.desk import HelpDesk


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """`url` and `colour` are the options; `transport` replaces the network."""

    environment: Mapping[str, str]
    url: str | None = None
    colour: Choice = "auto"
    transport: Optional["BaseTransport"] = None
    now: Callable[[], float] = time.time

    def screen(self) -> Screen:
        return open_screen(self.colour, self.environment)

    def desk(self, *, administration: bool = False) -> "HelpDesk":
        """Raises Trouble when the settings cannot be used."""
        from cli.desk import HelpDesk  # loading the HTTP client takes longer than `healthmon version`

        return HelpDesk(load_settings(self.environment, self.url, administration=administration), self.transport)


def one_form(*, as_json: bool, plain: bool) -> None:
    """Raises Trouble when both forms are asked for."""
    if as_json and plain:
        raise Trouble("--json and --plain exclude each other. Give one of them.", ExitCode.USAGE)
