"""A command of the user's, after the convention of monitoring plugins.

Exit code 0 is ok, 1 warning, 2 critical, 3 unknown; the text comes before a |, performance data behind it.
Source: "Monitoring Plugins Development Guidelines", chapter "Plugin Return Codes".
"""

import os
import signal
from typing import ClassVar

from agent.check_settings import CheckSetting, Text
from agent.checks.account import Account, why_not_as
from agent.checks.child import CannotStart, Ended, run_child
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation, Probe
from agent.performance_data import parse_performance_data, split_output
from agent.program_safety import why_changeable
from agent.setting_tables import Arguments
from health.state import State

STATES = {0: State.OK, 1: State.WARNING, 2: State.CRITICAL, 3: State.UNKNOWN}


class CommandCheck(CheckSetting, frozen=True, kw_only=True):
    """`command` is an argument list. `user`: run it as that user, which needs an agent that is root.

    Such an agent runs no program that others could have put in the place of the one that is meant.
    """

    kind: ClassVar[str] = "command"

    command: Arguments
    user: Text | None = None

    def problems(self) -> list[tuple[str, str]]:
        if self.command[0].startswith("/"):
            return []
        return [("command", "the program must be a whole path, beginning with /.")]

    def problems_here(self) -> list[tuple[str, str]]:
        if self.user is not None and (why_not := why_not_as(self.user)):
            return [("user", why_not)]
        why_unsafe = self._why_unsafe()
        return [("command", f"{why_unsafe}.")] if why_unsafe else []

    def probe(self) -> Probe:
        return self._observe

    def _observe(self, deadline: Deadline) -> Observation:
        try:
            if why_unsafe := self._why_unsafe():
                return Observation(State.UNKNOWN, f"not run: {why_unsafe}")
            ended = run_child(self.command, deadline, user=self.user)
        except CannotStart as error:
            return Observation(State.UNKNOWN, str(error))
        return plugin_observation(ended)

    def _why_unsafe(self) -> str | None:
        """Asked of an agent that is root alone: any other has few rights to lend."""
        if os.geteuid() != 0:
            return None
        try:
            account = Account.of(self.user)
        except KeyError:  # starting it tells that
            return None
        return why_changeable(self.command[0], account.user_id)


def plugin_observation(ended: Ended) -> Observation:
    """What a plugin that ended like this says."""
    text, data = split_output(ended.output)
    text = text or ended.error_output.strip() or "(no output)"
    measured = parse_performance_data(data)
    state = STATES.get(ended.exit_code)
    if state is None:
        return Observation(State.UNKNOWN, f"{_ending(ended.exit_code)}\n{text}", measured)
    return Observation(state, text, measured)


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}, which is none of 0 to 3"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"
