"""Records by their receipt: retention looks for the oldest among all that are not snapshots."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("record_received_ms", "record", ["received_ms"])
