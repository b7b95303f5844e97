"""What the agents of each group are told."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from store.response import GroupSetting
from store.response_tables import group_setting, group_told
from store.tables import agent, command
from store.upsert import upsert


def group_settings(connection: Connection) -> Mapping[str, GroupSetting]:
    """By the group's name, those of groups without agents, too."""
    rows = connection.execute(select(group_setting).order_by(group_setting.c.group_name)).mappings()
    return {row["group_name"]: GroupSetting(**row) for row in rows}


def keep_setting(connection: Connection, setting: GroupSetting) -> None:
    """In place of the group's former one."""
    row = {column.name: getattr(setting, column.name) for column in group_setting.c}
    upsert(connection, group_setting, ["group_name"], [row])


def note_told(connection: Connection, agent_id: str) -> None:
    """The agent is about to be told its group's interval, which it keeps until it is taken back."""
    agent_no = connection.execute(select(agent.c.agent_no).where(agent.c.agent_id == agent_id)).scalar_one()
    upsert(connection, group_told, ["agent_no"], [{"agent_no": agent_no, "taken_back_by": None}])


def note_taken_back(connection: Connection, agent_id: str, command_id: str) -> None:
    """By this command the agent was told to report as its own files say: once it is done, nothing is left to tell."""
    its = group_told.c.agent_no.in_(select(agent.c.agent_no).where(agent.c.agent_id == agent_id))
    connection.execute(update(group_told).where(its).values(taken_back_by=command_id))


def told_agents(connection: Connection) -> set[str]:
    """The ids of the agents that may report at the interval of a group."""
    return set(connection.execute(select(agent.c.agent_id).join_from(group_told, agent)).scalars())


def forget_taken_back(connection: Connection) -> None:
    """Whoever has done what takes its interval back is one of them no more."""
    done = select(command.c.command_id).where(command.c.outcome == "done")
    connection.execute(delete(group_told).where(group_told.c.taken_back_by.in_(done)))
