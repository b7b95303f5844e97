"""How long a certificate lasts still, and what that means."""

from typing import Annotated

import msgspec

from agent.checks.observation import Observation
from agent.performance_data import Measured
from health.state import State

DAY_SECONDS = 86400.0
WARNING_DAYS = 21.0
CRITICAL_DAYS = 7.0

Days = Annotated[float, msgspec.Meta(ge=0, le=3650)]


def days_problems(warning_days: float, critical_days: float, prefix: str = "") -> list[tuple[str, str]]:
    """What is wrong between the two limits, as `TableSetting.problems` tells it."""
    if warning_days >= critical_days:
        return []
    return [(f"{prefix}warning_days", f"must be at least {prefix}critical_days, which is {critical_days:g}.")]


def expiry_observation(
    what: str, ends_seconds: float, now_seconds: float, warning_days: float, critical_days: float
) -> Observation:
    """Judge a certificate that ends at `ends_seconds` since the epoch."""
    days = (ends_seconds - now_seconds) / DAY_SECONDS
    measured = (Measured("certificate_days", "", days),)
    if days < 0:
        return Observation(State.CRITICAL, f"{what} expired {-days:.1f} days ago", measured)
    state = State.CRITICAL if days < critical_days else State.WARNING if days < warning_days else State.OK
    return Observation(state, f"{what} expires in {days:.1f} days", measured)
