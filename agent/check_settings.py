"""Active checks as they are set: `[[checks]]` of the agent's file."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec

from agent.checks.observation import Probe
from agent.setting_tables import Tables, TableSetting
from health.machine import Patience

Seconds = Annotated[float, msgspec.Meta(ge=1, le=86400)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class CheckSetting(TableSetting, frozen=True, kw_only=True):
    """What every check has; its kind adds keys of its own. A bad state counts after `attempts` runs in a row."""

    kind: ClassVar[str]

    interval_seconds: Seconds = 60.0
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    retry_interval_seconds: Seconds = 15.0

    @property
    def patience(self) -> Patience:
        return Patience(attempts=self.attempts)

    def problems_here(self) -> list[tuple[str, str]]:
        """What this host, or this agent's rights, do not allow: asked when checks are to run, not by who only looks."""
        return []

    def probe(self) -> Probe:
        """What makes its observations, with whatever it must remember between two of them."""
        raise NotImplementedError


def problems_of(checks: Sequence[CheckSetting], file: str) -> list[str]:
    """A sentence for each check of the settings' file that this agent cannot run, or should not."""
    return [
        f"{file}: checks ({check.name}).{key}: {sentence}"
        for check in checks
        for key, sentence in check.problems_here()
    ]


def read_checks(value: object, place: str, problems: list[str]) -> tuple[CheckSetting, ...]:
    """The checks of a decoded TOML list; `problems` gets every sentence to say, each beginning with `place`."""
    from agent.checks.kinds import KINDS  # an agent without checks does without

    tables = Tables(place, problems)
    settings: list[CheckSetting] = []
    for index, table in enumerate(tables.tables(value)):
        kind = KINDS.get(str(table.get("kind")))
        if kind is None:
            tables.tell(index, table, "kind", f"must be one of {', '.join(KINDS)}.")
            continue
        setting = tables.read(index, table, kind, {"kind"})
        if setting is not None:
            settings.append(setting)
    return tuple(settings)
