"""The account of records, and a quarantine with bounds and a way back.

The accounts of agents that are known already are made from the rows that exist.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _widen_agent()
    _create_account()
    _create_gap()
    _fill_accounts()
    _fill_gaps()
    _widen_quarantine()
    _create_quarantine_total()
    _create_suspect()


def _widen_agent() -> None:
    op.add_column("agent", sa.Column("instance", sa.Text(), nullable=False, server_default=""))
    op.add_column("agent", sa.Column("instance_epoch", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("agent", sa.Column("instance_seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("agent", sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True))


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("assigned_seq", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("oldest_unconfirmed_seq", sa.BigInteger(), nullable=False),
        sa.Column("oldest_kept_seq", sa.BigInteger(), nullable=False),
        sa.Column("told_seq", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="account_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", "epoch", name="account_key"),
        sqlite_with_rowid=False,
    )


def _create_gap() -> None:
    op.create_table(
        "gap",
        sa.Column("agent_no", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=True),
        sa.Column("asked_count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.agent_no"], name="gap_agent_no_known"),
        sa.PrimaryKeyConstraint("agent_no", "epoch", "first_seq", name="gap_key"),
        sqlite_with_rowid=False,
    )


def _fill_accounts() -> None:
    op.execute(
        """
        INSERT INTO account (agent_no, epoch, assigned_seq, stored,
                             duplicates, oldest_unconfirmed_seq, oldest_kept_seq, told_seq, told_ms)
        SELECT agent_no, epoch, max(highest_seq), sum(stored), 0, 0, 0, 0, 0
        FROM (
            SELECT agent_no, epoch, max(seq) AS highest_seq, count(*) AS stored
            FROM (SELECT agent_no, epoch, seq FROM snapshot UNION SELECT agent_no, epoch, seq FROM record) AS kept
            GROUP BY agent_no, epoch
            UNION ALL
            SELECT agent_no, epoch, last_assigned_seq, 0 FROM agent WHERE last_assigned_seq > 0
        ) AS known
        GROUP BY agent_no, epoch
        """
    )


def _fill_gaps() -> None:
    """Holes are in transit, but for one at the beginning that may well have been kept and dropped for its age.

    Nobody can tell the two apart afterwards: to ask for it again, or to call it stored, would be a guess.
    """
    op.execute(
        """
        INSERT INTO gap (agent_no, epoch, first_seq, last_seq, state, reason, since_ms, asked_count)
        SELECT hole.agent_no, hole.epoch, hole.previous + 1, hole.seq - 1,
               CASE WHEN hole.previous = 0 AND agent.first_seen_ms < oldest.time_ms THEN 'declared' ELSE 'open' END,
               CASE WHEN hole.previous = 0 AND agent.first_seen_ms < oldest.time_ms THEN 'before-account' ELSE '' END,
               agent.last_seen_ms, 0
        FROM (
            SELECT agent_no, epoch, seq,
                   coalesce(lag(seq) OVER (PARTITION BY agent_no, epoch ORDER BY seq), 0) AS previous
            FROM (
                SELECT agent_no, epoch, seq FROM snapshot
                UNION SELECT agent_no, epoch, seq FROM record
                UNION SELECT agent_no, epoch, assigned_seq + 1 FROM account
            ) AS kept
        ) AS hole
        JOIN agent ON agent.agent_no = hole.agent_no
        CROSS JOIN (SELECT coalesce(min(time_ms), 9223372036854775807) AS time_ms FROM snapshot) AS oldest
        WHERE hole.seq > hole.previous + 1
        """
    )


def _widen_quarantine() -> None:
    op.add_column("quarantine", sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("quarantine", sa.Column("body_kept", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("quarantine", sa.Column("redrive_requested_ms", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("redriven_ms", sa.BigInteger(), nullable=True))
    op.execute("UPDATE quarantine SET size_bytes = length(body)")
    op.create_index("quarantine_reason_no", "quarantine", ["reason", "no"])
    op.create_index("quarantine_routing_key_no", "quarantine", ["routing_key", "no"])
    requested = sa.text("redrive_requested_ms IS NOT NULL")
    op.create_index("quarantine_redrive", "quarantine", ["no"], sqlite_where=requested, postgresql_where=requested)
    cut = sa.text("body_kept IS false")
    op.create_index("quarantine_beginnings", "quarantine", ["no"], sqlite_where=cut, postgresql_where=cut)


def _create_quarantine_total() -> None:
    op.create_table(
        "quarantine_total",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("bodies", sa.BigInteger(), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="quarantine_total_key"),
    )
    op.execute(
        """
        INSERT INTO quarantine_total (one, entries, bodies, body_bytes, dropped)
        SELECT 1, count(*), count(*), coalesce(sum(size_bytes), 0), 0 FROM quarantine
        """
    )


def _create_suspect() -> None:
    op.create_table(
        "suspect",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="suspect_key"),
    )
