"""Users' rule files as they are in force: what a processor goes on with when a file cannot be read any more."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from store.response import RuleFile
from store.response_tables import rule_file
from store.upsert import upsert


def rule_files(connection: Connection) -> list[RuleFile]:
    """All of them, in the order of their names."""
    rows = connection.execute(select(rule_file).order_by(rule_file.c.name)).mappings()
    return [RuleFile(**row) for row in rows]


def keep_rule_files(connection: Connection, contents: Mapping[str, str], now_ms: int) -> None:
    """Keep these contents by name, and no others; `loaded_ms` of what is there already stays as it was."""
    known = {file.name: file.content for file in rule_files(connection)}
    connection.execute(delete(rule_file).where(rule_file.c.name.not_in(list(contents))))
    changed = [
        {"name": name, "content": content, "loaded_ms": now_ms}
        for name, content in contents.items()
        if known.get(name) != content
    ]
    upsert(connection, rule_file, ["name"], changed)
