"""States that people trust: soft and flapping checks, groups, acknowledgements, mutes, dependencies and notices.

Agent number 0 with the empty id is the hub: what concerns the way of all records has its checks and incidents there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NUMBERED_ONCE = {"sqlite_autoincrement": True}


def upgrade() -> None:
    _widen_agent()
    _widen_checks_and_incidents()
    _number_incidents_once()
    _create_notice()
    _create_mute()
    _create_dependency()
    _create_settings()
    _widen_accounts()
    op.execute(
        """
        INSERT INTO agent (agent_no, agent_id, host_name, interval_ms, first_seen_ms, last_seen_ms, epoch, seq,
                           last_assigned_seq, has_system_info)
        VALUES (0, '', 'hub', 5000, 0, 0, 0, 0, 0, false)
        """
    )


def _widen_agent() -> None:
    op.add_column("agent", sa.Column("group_name", sa.Text(), nullable=False, server_default=""))
    op.add_column("agent", sa.Column("labels", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("agent", sa.Column("peer_host", sa.Text(), nullable=True))


def _widen_checks_and_incidents() -> None:
    op.add_column("check_state", sa.Column("attempt", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("check_state", sa.Column("history", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("check_state", sa.Column("flapping_since_ms", sa.BigInteger(), nullable=True))
    op.add_column("incident", sa.Column("acknowledged_ms", sa.BigInteger(), nullable=True))
    op.add_column("incident", sa.Column("acknowledged_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("incident", sa.Column("flapping_since_ms", sa.BigInteger(), nullable=True))
    op.add_column("incident", sa.Column("is_late", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("incident_event", sa.Column("author", sa.Text(), nullable=False, server_default=""))


def _number_incidents_once() -> None:
    """SQLite gives the number of a row that is gone to the next one, unless its table says otherwise from the start."""
    if op.get_bind().dialect.name != "sqlite":
        return
    with op.batch_alter_table("incident_event", recreate="always", table_kwargs=NUMBERED_ONCE) as events:
        events.drop_constraint("incident_event_number_known", type_="foreignkey")  # or they go with the old incidents
    with op.batch_alter_table("incident", recreate="always", table_kwargs=NUMBERED_ONCE):
        pass
    with op.batch_alter_table("incident_event", recreate="always", table_kwargs=NUMBERED_ONCE) as events:
        events.create_foreign_key("incident_event_number_known", "incident", ["number"], ["number"], ondelete="CASCADE")


def _widen_accounts() -> None:
    op.add_column("gap", sa.Column("step", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column("suspect", sa.Column("sightings", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column("fence", sa.Column("dropped_before_ms", sa.BigInteger(), nullable=False, server_default="0"))
    # nobody noted what was dropped until now: nothing that was before the newest canary is judged
    op.execute("UPDATE fence SET dropped_before_ms = coalesce((SELECT max(stored_ms) FROM flow), 0)")


def _create_notice() -> None:
    op.create_table(
        "notice",
        sa.Column("notice_no", _number(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("leased_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=True),
        sa.Column("dead_ms", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_ms", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["number"], ["incident.number"], name="notice_number_known", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notice_no", name="notice_key"),
        sa.UniqueConstraint("dedup_key", name="notice_dedup_key_unique"),
        **NUMBERED_ONCE,
    )
    waiting = sa.text("delivered_ms IS NULL AND dead_ms IS NULL AND cancelled_ms IS NULL")
    op.create_index("notice_waiting", "notice", ["due_ms"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("notice_number_channel", "notice", ["number", "channel"])


def _create_mute() -> None:
    op.create_table(
        "mute",
        sa.Column("mute_no", _number(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("agent_no", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("group_name", sa.Text(), nullable=True),
        sa.Column("weekly", sa.JSON(), nullable=True),
        sa.Column("lifted_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["number"], ["incident.number"], name="mute_number_known", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="mute_agent_no_known"),
        sa.PrimaryKeyConstraint("mute_no", name="mute_key"),
        **NUMBERED_ONCE,
    )
    op.create_index("mute_lifted_ms_ends_ms", "mute", ["lifted_ms", "ends_ms"])


def _create_dependency() -> None:
    op.create_table(
        "dependency",
        sa.Column("dependency_no", _number(), nullable=False),
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("parent_agent_no", sa.BigInteger(), nullable=False),
        sa.Column("parent_rule", sa.Text(), nullable=True),
        sa.Column("parent_subject", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="dependency_agent_no_known"),
        sa.ForeignKeyConstraint(["parent_agent_no"], ["agent.agent_no"], name="dependency_parent_agent_no_known"),
        sa.PrimaryKeyConstraint("dependency_no", name="dependency_key"),
        sa.UniqueConstraint(
            "agent_no",
            "parent_agent_no",
            "parent_rule",
            "parent_subject",
            name="dependency_once",
        ),
    )


def _create_settings() -> None:
    op.create_table(
        "group_setting",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("interval_seconds", sa.Double(), nullable=True),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_name", name="group_setting_key"),
    )
    op.create_table(
        "group_told",
        sa.Column("agent_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("taken_back_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="group_told_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", name="group_told_key"),
    )
    op.create_table(
        "retirement",
        sa.Column("agent_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="retirement_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", name="retirement_key"),
    )
    op.create_table(
        "rule_file",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("loaded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="rule_file_key"),
    )


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
