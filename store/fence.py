"""One processor writes at a time: the fence row says which, and whoever lost it notices before it changes anything."""

from sqlalchemy import Connection, Engine, select, update

from store.engine import transaction
from store.tables import fence


class Fenced(Exception):
    """Another owner has taken over: drop what is in hand and stop writing."""


def claim(engine: Engine, owner: str, now_ms: int) -> int:
    """Take over from whoever owns the fence; returns the epoch that `check` wants from now on."""
    change = update(fence).values(epoch=fence.c.epoch + 1, owner=owner, claimed_ms=now_ms).returning(fence.c.epoch)
    with transaction(engine) as connection:
        epoch: int = connection.execute(change).scalar_one()
    return epoch


def check(connection: Connection, fence_epoch: int) -> None:
    """Raises Fenced unless `fence_epoch` is the newest claim, which then stays so until this transaction ends."""
    held = connection.execute(select(fence.c.epoch, fence.c.owner).with_for_update()).one()
    if held.epoch != fence_epoch:
        raise Fenced(f"claim {fence_epoch} has ended: {held.owner!r} took over with claim {held.epoch}")
