"""Active checks that a row turns bad and good again, each by a file: an incident or an action within seconds."""

import json
import shlex
from collections.abc import Iterable
from pathlib import Path

from faults.told import Told
from processor.check_results import check_place

LASTING = "lasting"


class Switches:
    """Made in a folder of the row's own; `settings` make agents run the checks. All are good at first."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._file = folder / "agent.toml"
        self._file.write_text("".join(_check(name, folder / name) for name in names))
        self.settings = {"HEALTHMON_AGENT_FILE": str(self._file)}

    def turn_bad(self, name: str) -> None:
        (self._folder / name).touch()

    def turn_good(self, name: str) -> None:
        (self._folder / name).unlink()

    def act_on_all(self, side_effects: Path) -> None:
        """Each check that turns bad has its agent append the check's name to this file."""
        script = self._folder / "act"
        script.write_text(f'#!/bin/sh\necho "$HEALTHMON_CHECK" >> {shlex.quote(str(side_effects))}\n')
        script.chmod(0o755)
        action = f'[[actions]]\nname = "act"\ncommand = ["{script}"]\nchecks = ["*"]\nstates = ["warning"]\n'
        self._file.write_text(f"{self._file.read_text()}\n{action}cooldown_seconds = 0\n")


class LastingTrouble:
    """A check that every agent of a run finds bad from its start to the end of the fault."""

    def __init__(self, folder: Path) -> None:
        self._switches = Switches(folder, [LASTING])
        self._switches.turn_bad(LASTING)
        self.settings = self._switches.settings

    def end(self) -> None:
        self._switches.turn_good(LASTING)

    @staticmethod
    def is_over(told: Told) -> bool:
        rule, _ = check_place(LASTING)
        return all(life.to_ms is not None for life in told.lives if life.rule == rule)


def _check(name: str, file: Path) -> str:
    command = json.dumps(["/usr/bin/test", "!", "-e", str(file)])
    often = "interval_seconds = 1\nretry_interval_seconds = 1\nattempts = 1\n"
    return f'[[checks]]\nname = "{name}"\nkind = "command"\ncommand = {command}\n{often}\n'
