"""Hosts whose newest snapshot lacks what a rule reads, and why the state machine changed an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("agent", sa.Column("is_blind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("incident_event", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
