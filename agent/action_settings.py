"""What a host is told to do by itself when a check changed its hard state: `[[actions]]` of the agent's file."""

from typing import Annotated, Literal

import msgspec

from agent.setting_tables import Arguments, Tables, TableSetting

EVERY_CHECK = "*"

EnvironmentName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
EnvironmentText = Annotated[str, msgspec.Meta(max_length=4096, pattern=r"^[^\x00]*$")]
CheckName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
ActionState = Literal["ok", "warning", "critical", "unknown"]


class ActionSetting(TableSetting, frozen=True, kw_only=True):
    """`command` is an argument list. `checks` are names of checks or ids of rules; "*" means all of them."""

    command: Arguments
    checks: Annotated[tuple[CheckName, ...], msgspec.Meta(min_length=1)]
    states: Annotated[tuple[ActionState, ...], msgspec.Meta(min_length=1)] = ("critical",)
    environment: dict[EnvironmentName, EnvironmentText] = msgspec.field(default_factory=dict)
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    cooldown_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 300.0
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0

    def problems(self) -> list[tuple[str, str]]:
        if "unknown" not in self.states:
            return []
        why = 'an action never answers to "unknown": a check that could not be made says nothing of the host.'
        return [("states", f"{why} Use critical, warning or ok.")]


def read_actions(value: object, place: str, problems: list[str]) -> tuple[ActionSetting, ...]:
    """The actions of a decoded TOML list; `problems` gets every sentence to say, each beginning with `place`."""
    tables = Tables(place, problems)
    read = [tables.read(index, table, ActionSetting, set()) for index, table in enumerate(tables.tables(value))]
    return tuple(setting for setting in read if setting is not None)
