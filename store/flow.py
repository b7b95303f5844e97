"""Reading the proof that messages go from the exchange into the database."""

from sqlalchemy import Connection, select

from store.model import Flow
from store.tables import flow


def last_flow(connection: Connection) -> Flow | None:
    """The last canary that arrived, None before the first one."""
    row = connection.execute(select(flow.c.sent_ms, flow.c.stored_ms)).mappings().first()
    return Flow(**row) if row else None
