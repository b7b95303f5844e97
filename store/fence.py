"""One processor writes at a time: the fence row says which, and whoever lost it notices before it changes anything."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from store.engine import transaction
from store.tables import fence


class Fenced(Exception):
    """Another owner has taken over: drop what is in hand and stop writing."""


@dataclass(frozen=True, slots=True)
class Held:
    """The newest claim, and when its owner made it or said last that it lives; by the owner's wall clock."""

    epoch: int
    said_ms: int


def held(connection: Connection) -> Held:
    return Held(*connection.execute(select(fence.c.epoch, fence.c.claimed_ms)).one())


def claim(engine: Engine, owner: str, now_ms: int) -> int:
    """Take over from whoever owns the fence; returns the epoch that `check` wants from now on."""
    change = update(fence).values(epoch=fence.c.epoch + 1, owner=owner, claimed_ms=now_ms).returning(fence.c.epoch)
    with transaction(engine) as connection:
        epoch: int = connection.execute(change).scalar_one()
    return epoch


def claim_from(engine: Engine, owner: str, now_ms: int, seen: Held) -> int | None:
    """As `claim`, unless anybody claimed it, or its owner spoke, since it was `seen`: then None."""
    unchanged = (fence.c.epoch == seen.epoch) & (fence.c.claimed_ms == seen.said_ms)
    change = update(fence).where(unchanged).values(epoch=fence.c.epoch + 1, owner=owner, claimed_ms=now_ms)
    with transaction(engine) as connection:
        epoch: int | None = connection.execute(change.returning(fence.c.epoch)).scalar()
    return epoch


def say_alive(engine: Engine, fence_epoch: int, now_ms: int) -> None:
    """The owner lives: those who watch the fence see it change. Raises Fenced."""
    with transaction(engine) as connection:
        check(connection, fence_epoch)
        connection.execute(update(fence).values(claimed_ms=now_ms))


def check(connection: Connection, fence_epoch: int) -> None:
    """Raises Fenced unless `fence_epoch` is the newest claim, which then stays so until this transaction ends."""
    held = connection.execute(select(fence.c.epoch, fence.c.owner).with_for_update()).one()
    if held.epoch != fence_epoch:
        raise Fenced(f"claim {fence_epoch} has ended: {held.owner!r} took over with claim {held.epoch}")
