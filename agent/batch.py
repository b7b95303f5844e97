"""Records on their way out of a spool: what a publisher takes, and from what."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from rabbitmq.message import Numbering
from rabbitmq.statement import Statement


class Row(NamedTuple):
    """One record; `position` is its name between spool and publisher, `seq` its number within the epoch."""

    position: int
    seq: int
    body: bytes


class Batch(NamedTuple):
    """Records of one epoch in rising order, with how far the numbering of that epoch has come."""

    epoch: int
    rows: list[Row]
    numbering: Numbering

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(row.position for row in self.rows)


class Source(Protocol):
    """What a publisher sends from. Any method may raise SpoolUnavailable."""

    @property
    def count(self) -> int: ...
    @property
    def waiting_count(self) -> int: ...
    def take_newest(self) -> Batch | None: ...
    def take_oldest(self, limit: int, max_bytes: int) -> Batch | None: ...
    def put_back(self, positions: Iterable[int]) -> None: ...
    def confirm(self, positions: Iterable[int]) -> None: ...
    def settle(self, statement: Statement) -> None: ...
