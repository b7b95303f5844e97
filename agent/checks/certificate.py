"""A certificate file: when does the first certificate in it expire?"""

import time
from pathlib import Path
from typing import ClassVar

from agent.check_settings import CheckSetting, Text
from agent.checks.days_left import CRITICAL_DAYS, WARNING_DAYS, Days, days_problems, expiry_observation
from agent.checks.deadline import Deadline
from agent.checks.not_after import not_after_seconds
from agent.checks.observation import Observation, Probe
from health.state import State

MOST_BYTES = 1024 * 1024


class CertificateCheck(CheckSetting, frozen=True, kw_only=True):
    """Of a chain in one PEM file, the certificate that expires first counts."""

    kind: ClassVar[str] = "certificate"

    file: Text
    warning_days: Days = WARNING_DAYS
    critical_days: Days = CRITICAL_DAYS

    def problems(self) -> list[tuple[str, str]]:
        return days_problems(self.warning_days, self.critical_days)

    def probe(self) -> Probe:
        return self._observe

    def _observe(self, _deadline: Deadline) -> Observation:
        try:
            with Path(self.file).open("rb") as stream:
                pem = stream.read(MOST_BYTES)
            ends_seconds = min(not_after_seconds(pem))
        except (OSError, ValueError) as error:
            return Observation(State.UNKNOWN, f"{self.file} cannot be read as a certificate: {error}")
        return expiry_observation(self.file, ends_seconds, time.time(), self.warning_days, self.critical_days)
