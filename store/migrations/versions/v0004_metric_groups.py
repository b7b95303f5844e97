"""What agents measure: the metric groups that each of them has on, and those that a group of agents is told."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("agent", sa.Column("collectors", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("agent", sa.Column("collectors_told", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("group_setting", sa.Column("collectors", sa.JSON(none_as_null=True), nullable=True))
