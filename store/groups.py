"""What the agents of each group are told."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from store.response import GroupSetting
from store.response_tables import group_setting
from store.upsert import upsert


def group_settings(connection: Connection) -> Mapping[str, GroupSetting]:
    """By the group's name, those of groups without agents, too."""
    rows = connection.execute(select(group_setting).order_by(group_setting.c.group_name)).mappings()
    return {row["group_name"]: GroupSetting(**row) for row in rows}


def keep_setting(connection: Connection, setting: GroupSetting) -> None:
    """In place of the group's former one."""
    row = {column.name: getattr(setting, column.name) for column in group_setting.c}
    upsert(connection, group_setting, ["group_name"], [row])
