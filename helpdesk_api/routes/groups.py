"""Groups of agents: how they are, and how often their agents report."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from health.state import URGENCY, State
from helpdesk_api.access import OPERATOR, VIEWER, TheAuthor
from helpdesk_api.answers.groups import GroupAnswer, group_answer
from helpdesk_api.answers.listing import Listing
from helpdesk_api.conditions import conditions_of
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import all_agents
from helpdesk_api.group_hint import group_hint
from helpdesk_api.group_keeper import MOST_COMMANDS, configure, wants
from helpdesk_api.problem import PROBLEMS_ANSWERED
from store.engine import reading, transaction
from store.groups import group_settings, keep_setting
from store.model import Agent
from store.response import GroupSetting

router = APIRouter(prefix="/api/v1/groups", tags=["Groups"], responses=PROBLEMS_ANSWERED)


class GroupWish(BaseModel):
    interval_seconds: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] | None = Field(
        description="How often its agents report; null: as their own files say."
    )


@router.get("", summary="List groups", operation_id="list_groups", dependencies=[VIEWER])
def list_groups(desk: TheDesk) -> Listing[GroupAnswer]:
    """In the order of names; agents without a group are in none of them."""
    with reading(desk.engine) as connection:
        return Listing(items=_groups(desk, connection))


@router.put("/{name}", summary="Set a group's interval", operation_id="set_group", dependencies=[OPERATOR])
def set_group(
    name: Annotated[str, Path(min_length=1, max_length=256)], wish: GroupWish, desk: TheDesk, author: TheAuthor
) -> GroupAnswer:
    """Its connected agents are told at once, those that join or come back later within a minute. A group without
    agents may be set, too: `hint` says so, and what was meant perhaps."""
    setting = GroupSetting(
        group_name=name, interval_seconds=wish.interval_seconds, updated_ms=desk.now_ms(), author=author
    )
    with transaction(desk.engine) as connection:
        keep_setting(connection, setting)
    with reading(desk.engine) as connection:
        members = [agent for agent in all_agents(connection) if agent.group_name == name]
    told = [agent for agent in members if wants(agent, wish.interval_seconds, desk.now_ms())]
    for agent in told[:MOST_COMMANDS]:  # the keeper tells the others
        configure(desk, agent, wish.interval_seconds)
    with reading(desk.engine) as connection:
        return next(one for one in _groups(desk, connection, name) if one.name == name)


def _groups(desk: Desk, connection: Connection, *also: str) -> list[GroupAnswer]:
    agents = list(all_agents(connection))
    members: Mapping[str, list[Agent]] = defaultdict(list)
    for agent in agents:
        members[agent.group_name].append(agent)
    settings = group_settings(connection)
    states = conditions_of(desk, connection, [one for name in members if name for one in members[name]])
    return [
        group_answer(
            name,
            len(members[name]),
            _worst([states[one.agent_id].state for one in members[name]]),
            settings.get(name),
            sum(_differs(one, settings.get(name)) for one in members[name]),
            "" if members[name] else group_hint(name, agents),
        )
        for name in sorted({*members, *also, *_told(settings)} - {""})
    ]


def _told(settings: Mapping[str, GroupSetting]) -> Iterator[str]:
    """The groups whose agents are told something: one that was taken back lives as long as it has agents."""
    return (name for name, setting in settings.items() if setting.interval_seconds is not None)


def _worst(states: list[State]) -> State | None:
    return min(states, key=URGENCY.__getitem__, default=None)


def _differs(agent: Agent, setting: GroupSetting | None) -> bool:
    if setting is None or setting.interval_seconds is None:
        return False
    return agent.interval_ms != round(setting.interval_seconds * 1000)
