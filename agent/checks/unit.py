"""A unit of systemd: is it active?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec

from agent.check_settings import CheckSetting
from agent.checks.child import CannotStart, run_child
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation, Probe
from agent.performance_data import Measured
from health.state import State

PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "Type", "NRestarts")

UnitName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}$")]


class UnitCheck(CheckSetting, frozen=True, kw_only=True):
    """`unit` like nginx.service."""

    kind: ClassVar[str] = "unit"

    unit: UnitName

    def probe(self) -> Probe:
        return self._observe

    def _observe(self, deadline: Deadline) -> Observation:
        arguments = ("systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", self.unit)
        try:
            ended = run_child(arguments, deadline)
        except CannotStart as error:
            return Observation(State.UNKNOWN, f"systemd cannot be asked: {error}")
        if ended.exit_code != 0:
            said = (ended.error_output or ended.output).strip() or f"systemctl ended with {ended.exit_code}"
            return Observation(State.UNKNOWN, f"systemd cannot be asked: {said}")
        lines = (line.partition("=") for line in ended.output.splitlines())
        return unit_observation(self.unit, {name: value for name, _, value in lines})


def unit_observation(unit: str, properties: Mapping[str, str]) -> Observation:
    """Judge what systemctl shows of a unit."""
    if properties.get("LoadState") != "loaded":
        load = properties.get("LoadState", "unknown to systemd")
        return Observation(State.CRITICAL, f"{unit} is {load}: systemd has no such unit to run")
    active, result = properties.get("ActiveState", ""), properties.get("Result", "")
    why = f", result {result}" if result not in ("", "success") else ""
    text = f"{unit} is {active} ({properties.get('SubState', '')}){why}"
    restarts = properties.get("NRestarts", "")
    measured = (Measured("restarts", "c", float(restarts)),) if restarts.isdecimal() else ()
    return Observation(_state(properties), text, measured)


def _state(properties: Mapping[str, str]) -> State:
    """A unit on its way is a warning, one that waits for its next start after a failure is not on its way."""
    active, sub = properties.get("ActiveState"), properties.get("SubState")
    if active in ("active", "reloading", "refreshing"):
        return State.OK
    if active in ("activating", "deactivating"):
        return State.CRITICAL if sub == "auto-restart" else State.WARNING
    has_done_its_work = properties.get("Type") == "oneshot" and properties.get("Result") == "success"
    return State.OK if active == "inactive" and has_done_its_work else State.CRITICAL
