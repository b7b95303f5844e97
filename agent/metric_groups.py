"""What the agent measures: the metric groups that its settings name, or those that it was told since.

Each group is one collector. Users' own collectors and active checks are none of them: their settings alone decide.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.told import Told
from rabbitmq.readings import METRIC_GROUPS

COLLECTORS_FILE = "collectors.json"

Names = tuple[str, ...]
KnownName = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(METRIC_GROUPS)})$")]


class BadChoice(ValueError):
    """No choice of metric groups; the text says why, and which there are."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["agent-collectors/1"] = "agent-collectors/1"
    collectors: Annotated[tuple[KnownName, ...], msgspec.Meta(min_length=1, max_length=100)]


class MetricGroups(Told[Names]):
    """`now` are those in force, in the order of `METRIC_GROUPS`."""

    def __init__(self, folder: Path, of_settings: Names) -> None:
        super().__init__(folder / COLLECTORS_FILE, _File, "collectors", "collectors are those", of_settings)

    @property
    def switched_off(self) -> list[str]:
        return off(self.now)


def off(chosen: Sequence[str]) -> list[str]:
    """The metric groups that are not chosen."""
    return [name for name in METRIC_GROUPS if name not in chosen]


def choice(value: object) -> Names:
    """The names of a list that somebody wrote, in the order of `METRIC_GROUPS`. Raises BadChoice."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise BadChoice(f"give a list of names. {_KNOWN}")
    if unknown := [name for name in value if name not in METRIC_GROUPS]:
        raise BadChoice(f"{', '.join(unknown)[:200]!r} is no metric group. {_KNOWN}")
    if not value:
        raise BadChoice(f"name one at least. {_KNOWN}")
    return tuple(name for name in METRIC_GROUPS if name in value)


_KNOWN = f"Known are {', '.join(METRIC_GROUPS)}."
