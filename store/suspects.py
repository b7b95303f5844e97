"""Messages that the processor is about to read although one like them may have killed it.

A suspect is noted before it is read and cleared after: one that is there already had a reader that ended. Both raise
Fenced and StoreUnavailable.
"""

from sqlalchemy import Engine, delete, update

from store import fence
from store.engine import transaction
from store.tables import suspect
from store.upsert import insert_new


def note(engine: Engine, sha256: str, routing_key: str, now_ms: int, fence_epoch: int) -> int:
    """How often the message with this body, by the hexadecimal SHA-256, was noted before; now it is once more."""
    row = {"sha256": sha256, "first_seen_ms": now_ms, "routing_key": routing_key}
    again = update(suspect).where(suspect.c.sha256 == sha256).values(sightings=suspect.c.sightings + 1)
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        if insert_new(connection, suspect, [row]):
            return 0
        sightings: int = connection.execute(again.returning(suspect.c.sightings)).scalar_one()
        return sightings - 1


def clear(engine: Engine, sha256: str, fence_epoch: int) -> None:
    """The message was read, or put into quarantine unread."""
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        connection.execute(delete(suspect).where(suspect.c.sha256 == sha256))
