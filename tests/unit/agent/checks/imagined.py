"""Checks whose runs the test decides on."""

from typing import ClassVar

from agent.check_settings import CheckSetting
from agent.checks.observation import Observation, Probe
from health.state import State

OK = Observation(State.OK, "fine")
CRITICAL = Observation(State.CRITICAL, "broken")


class ImaginedCheck(CheckSetting, frozen=True, kw_only=True):
    """Its probe is handed in; intervals may be shorter than a user's."""

    kind: ClassVar[str] = "imagined"

    make: Probe = lambda _deadline: OK

    def probe(self) -> Probe:
        return self.make
