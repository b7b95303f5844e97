"""The tables of the answer to incidents: notices, mutes, dependencies, groups, hosts to be retired, and rules as they
were last in order."""

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Table, UniqueConstraint

from store.tables import Number
from store.tables import metadata as metadata
from store.text import AnyText


def _agent_no(name: str, *, nullable: bool) -> Column[int]:
    return Column(name, BigInteger, ForeignKey("agent.agent_no"), nullable=nullable)


notice = Table(
    "notice",
    metadata,
    Column("notice_no", Number, primary_key=True),
    Column("number", BigInteger, ForeignKey("incident.number", ondelete="CASCADE")),
    Column("channel", AnyText, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("dedup_key", AnyText, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("leased_until_ms", BigInteger),
    Column("delivered_ms", BigInteger),
    Column("dead_ms", BigInteger),
    Column("cancelled_ms", BigInteger),
    Column("why", AnyText, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
_is_waiting = notice.c.delivered_ms.is_(None) & notice.c.dead_ms.is_(None) & notice.c.cancelled_ms.is_(None)
Index("notice_waiting", notice.c.due_ms, sqlite_where=_is_waiting, postgresql_where=_is_waiting)
Index("notice_number_channel", notice.c.number, notice.c.channel)

mute = Table(
    "mute",
    metadata,
    Column("mute_no", Number, primary_key=True),
    Column("reason", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("starts_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger),
    Column("number", BigInteger, ForeignKey("incident.number", ondelete="CASCADE")),
    _agent_no("agent_no", nullable=True),
    Column("rule", AnyText),
    Column("subject", AnyText),
    Column("group_name", AnyText),
    Column("weekly", JSON(none_as_null=True)),
    Column("lifted_ms", BigInteger),
    sqlite_autoincrement=True,
)
Index("mute_lifted_ms_ends_ms", mute.c.lifted_ms, mute.c.ends_ms)

dependency = Table(
    "dependency",
    metadata,
    Column("dependency_no", Number, primary_key=True),
    _agent_no("agent_no", nullable=False),
    _agent_no("parent_agent_no", nullable=False),
    Column("parent_rule", AnyText),
    Column("parent_subject", AnyText),
    Column("reason", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("agent_no", "parent_agent_no", "parent_rule", "parent_subject", name="dependency_once"),
)

group_setting = Table(
    "group_setting",
    metadata,
    Column("group_name", AnyText, primary_key=True),
    Column("interval_seconds", Double),
    Column("updated_ms", BigInteger, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("collectors", JSON(none_as_null=True)),
)

# Agents that may report at their group's interval; `taken_back_by` is the command that returned them to their own.
group_told = Table(
    "group_told",
    metadata,
    Column("agent_no", BigInteger, ForeignKey("agent.agent_no"), primary_key=True, autoincrement=False),
    Column("taken_back_by", AnyText),
)

retirement = Table(
    "retirement",
    metadata,
    Column("agent_no", BigInteger, ForeignKey("agent.agent_no"), primary_key=True, autoincrement=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("author", AnyText, nullable=False),
)

rule_file = Table(
    "rule_file",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("content", AnyText, nullable=False),
    Column("loaded_ms", BigInteger, nullable=False),
)
