"""Groups of agents: how they are, how often their agents report, and what."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field, model_validator
from sqlalchemy import Connection

from health.state import URGENCY, State
from helpdesk_api.access import OPERATOR, VIEWER, TheAuthor
from helpdesk_api.answers.groups import GroupAnswer, group_answer
from helpdesk_api.answers.listing import Listing
from helpdesk_api.conditions import conditions_of
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import all_agents
from helpdesk_api.group_hint import group_hint
from helpdesk_api.group_keeper import MOST_COMMANDS
from helpdesk_api.group_wish import configure, differs, left_to_ask
from helpdesk_api.problem import PROBLEMS_ANSWERED
from rabbitmq.readings import METRIC_GROUPS
from store.engine import reading, transaction
from store.groups import group_settings, keep_setting
from store.model import Agent
from store.response import GroupSetting

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


def _metric_groups(names: list[str]) -> list[str]:
    """In the order of all of them."""
    if not names or not set(names) <= set(METRIC_GROUPS):
        raise ValueError(f"name one at least of {', '.join(METRIC_GROUPS)}")
    return [name for name in METRIC_GROUPS if name in names]


router = APIRouter(prefix="/api/v1/groups", tags=["Groups"], responses=PROBLEMS_ANSWERED)


class GroupWish(BaseModel):
    """What is not given stays as it is; one of the two is given at least."""

    interval_seconds: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] | None = Field(
        None, description="How often its agents report; null: as their own files say."
    )
    collectors: Annotated[list[str], AfterValidator(_metric_groups)] | None = Field(
        None,
        description=f"Which metric groups its agents measure, one at least of {', '.join(METRIC_GROUPS)}; null: as "
        "their own files say. Incidents about what is measured no more end, and say so.",
    )

    @model_validator(mode="after")
    def _wishes(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give interval_seconds, collectors, or both")
        return self


@router.get("", summary="List groups", operation_id="list_groups", dependencies=[VIEWER])
def list_groups(desk: TheDesk) -> Listing[GroupAnswer]:
    """In the order of names; agents without a group are in none of them."""
    with reading(desk.engine) as connection:
        return Listing(items=_groups(desk, connection))


@router.put("/{name:path}", summary="Set what a group is told", operation_id="set_group", dependencies=[OPERATOR])
def set_group(
    name: Annotated[str, Path(min_length=1, max_length=256, pattern=NO_CONTROLS)],
    wish: GroupWish,
    desk: TheDesk,
    author: TheAuthor,
) -> GroupAnswer:
    """Its connected agents are told at once, those that join or come back later within a minute. A group without
    agents may be set, too: `hint` says so, and what was meant perhaps."""
    given = wish.model_dump(exclude_unset=True)
    with transaction(desk.engine) as connection:
        before = group_settings(connection).get(name) or GroupSetting(group_name=name)
        keep_setting(connection, replace(before, **given, updated_ms=desk.now_ms(), author=author))
    with reading(desk.engine) as connection:
        members = [agent for agent in all_agents(connection) if agent.group_name == name]
    asked = ((agent, left_to_ask(agent, given, desk.now_ms())) for agent in members)
    for agent, left in [(agent, left) for agent, left in asked if left][:MOST_COMMANDS]:  # the keeper tells the others
        configure(desk, agent, left)
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
            sum(differs(one, settings.get(name)) for one in members[name]),
            "" if members[name] else group_hint(name, agents),
        )
        for name in sorted({*members, *also, *_told(settings)} - {""})
    ]


def _told(settings: Mapping[str, GroupSetting]) -> Iterator[str]:
    """The groups whose agents are told something: one that was taken back lives as long as it has agents."""
    return (name for name, one in settings.items() if one.interval_seconds is not None or one.collectors is not None)


def _worst(states: list[State]) -> State | None:
    return min(states, key=URGENCY.__getitem__, default=None)
