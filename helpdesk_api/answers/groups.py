"""A group of agents as the API shows it."""

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.times import Moment, moment
from store.response import GroupSetting


class GroupAnswer(BaseModel):
    """The agents whose settings name this group."""

    name: str
    hosts: int
    state: State | None = Field(description="The worst of its hosts, null for a group without hosts.")
    interval_seconds: float | None = Field(description="What its agents are told, null: what their own files say.")
    collectors: list[str] | None = Field(
        description="The metric groups that its agents are told to measure, null: what their own files say."
    )
    differing: int = Field(
        description="Hosts that report at another interval or with other metric groups than they are told."
    )
    updated: Moment | None = Field(description="When the setting was changed last.")
    author: str
    hint: str = Field(description="What to know of a group that no agent is in, empty for all others.")


def group_answer(
    name: str, hosts: int, state: State | None, setting: GroupSetting | None, differing: int, hint: str
) -> GroupAnswer:
    return GroupAnswer(
        name=name,
        hosts=hosts,
        state=state,
        interval_seconds=None if setting is None else setting.interval_seconds,
        collectors=None if setting is None or setting.collectors is None else list(setting.collectors),
        differing=differing,
        updated=None if setting is None else moment(setting.updated_ms),
        author="" if setting is None else setting.author,
        hint=hint,
    )
