"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_agent()
    _create_layout()
    _create_snapshot()
    _create_record()
    _create_system()
    _create_check_state()
    _create_incident()
    _create_incident_event()
    _create_quarantine()
    _create_fence()
    _create_command()
    _create_api_key()
    _create_flow()


def _create_agent() -> None:
    op.create_table(
        "agent",
        sa.Column("agent_no", NUMBER, nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("host_name", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("agent_version", sa.Text(), nullable=True),
        sa.Column("interval_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("hello_ms", sa.BigInteger(), nullable=True),
        sa.Column("goodbye_ms", sa.BigInteger(), nullable=True),
        sa.Column("goodbye_reason", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("last_assigned_seq", sa.BigInteger(), nullable=False),
        sa.Column("has_system_info", sa.Boolean(), nullable=False),
        sa.Column("snapshot_ms", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_epoch", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_seq", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_received_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("agent_no", name="agent_key"),
        sa.UniqueConstraint("agent_id", name="agent_agent_id_unique"),
    )


def _create_layout() -> None:
    op.create_table(
        "layout",
        sa.Column("layout_no", NUMBER, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("layout_no", name="layout_key"),
        sa.UniqueConstraint("sha256", name="layout_sha256_unique"),
    )
    op.create_index("layout_used_ms", "layout", ["used_ms"])


def _create_snapshot() -> None:
    op.create_table(
        "snapshot",
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("layout_no", sa.BigInteger(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("extra", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("time_ms", "agent_no", "epoch", "seq", name="snapshot_key"),
        sqlite_with_rowid=False,
    )


def _create_record() -> None:
    op.create_table(
        "record",
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agent_no", "epoch", "seq", name="record_key"),
    )


def _create_system() -> None:
    op.create_table(
        "system",
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="system_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", name="system_key"),
    )


def _create_check_state() -> None:
    op.create_table(
        "check_state",
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=True),
        sa.Column("pending_since_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="check_state_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", "rule", "subject", name="check_state_key"),
    )


def _create_incident() -> None:
    op.create_table(
        "incident",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("limit_value", sa.Double(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("remedies", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="incident_agent_no_known"),
        sa.PrimaryKeyConstraint("number", name="incident_key"),
    )
    op.create_index("incident_agent_no_number", "incident", ["agent_no", "number"])
    op.create_index(
        "incident_one_open",
        "incident",
        ["agent_no", "rule", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_ms IS NULL"),
        postgresql_where=sa.text("closed_ms IS NULL"),
    )


def _create_incident_event() -> None:
    op.create_table(
        "incident_event",
        sa.Column("event_no", NUMBER, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["incident.number"], name="incident_event_number_known", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_no", name="incident_event_key"),
        sa.UniqueConstraint("number", "epoch", "seq", "change", name="incident_event_number_epoch_seq_change_unique"),
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("no", NUMBER, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="quarantine_key"),
        sa.UniqueConstraint("received_ms", "place", "sha256", name="quarantine_received_ms_place_sha256_unique"),
    )


def _create_fence() -> None:
    fence = op.create_table(
        "fence",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="fence_key"),
    )
    op.bulk_insert(fence, [{"one": 1, "epoch": 0, "owner": "", "claimed_ms": 0}])


def _create_command() -> None:
    op.create_table(
        "command",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="command_agent_no_known"),
        sa.PrimaryKeyConstraint("command_id", name="command_key"),
    )


def _create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("key_id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="api_key_key"),
        sa.UniqueConstraint("sha256", name="api_key_sha256_unique"),
    )


def _create_flow() -> None:
    op.create_table(
        "flow",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("stored_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="flow_key"),
    )
