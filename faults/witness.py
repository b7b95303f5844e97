"""The external witness: what each agent says that it offered, sent and heard, on another file system than its spool.

    intent      about to be written to the spool
    offered     the transaction that wrote it has ended
    published   handed to the broker's connection, once for each copy
    confirmed   the broker has acknowledged a copy and returned none of it, on the connection that the line names

Each line has the digest of the record's content. It is on its disk before the agent goes on, and says when it was
written by the machine's monotonic clock: the wall clock of an agent may be part of the fault.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """A record, as everybody calls it."""

    agent_id: str
    epoch: int
    seq: int


class Content(NamedTuple):
    """One record: a number may, by a fault, be given to two of them."""

    key: Key
    digest: str


class Journal:
    """Appends lines to one file and syncs each write."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, contents: Iterable[Content], connection: str = "") -> None:
        """`connection` is the one that brought a confirm."""
        at_ms = time.monotonic_ns() // 1_000_000
        lines = [json.dumps([event, *key, digest, connection, at_ms]) + "\n" for key, digest in contents]
        if lines:
            os.write(self._descriptor, "".join(lines).encode())
            os.fsync(self._descriptor)


class Confirm(NamedTuple):
    """That the broker has taken over a record, as the agent heard it."""

    key: Key
    at_ms: int
    connection: str


@dataclass
class Witnessed:
    """All journals read together. A number whose transaction failed is given again: it has several intents. One that
    was offered twice is in `offers` with each of its contents; so it is in `confirmations`.

    Times are those of the wall clock here; `wall_offset_ms` is what that is ahead of the monotonic one. A record was
    made (`made_ms`) when its last intent was journaled.
    """

    intents: dict[Key, set[str]] = field(default_factory=dict)
    offers: set[Content] = field(default_factory=set)
    published: list[Key] = field(default_factory=list)
    confirmations: set[Content] = field(default_factory=set)
    made_ms: dict[Key, int] = field(default_factory=dict)
    confirms: list[Confirm] = field(default_factory=list)
    wall_offset_ms: int = 0

    def take(self, line: str) -> None:
        event, agent_id, epoch, seq, digest, connection, monotonic_ms = json.loads(line)
        key, at_ms = Key(agent_id, epoch, seq), monotonic_ms + self.wall_offset_ms
        if event == "intent":
            self.intents.setdefault(key, set()).add(digest)
            self.made_ms[key] = at_ms
        elif event == "published":
            self.published.append(key)
        elif event == "offered":
            self.offers.add(Content(key, digest))
        else:
            self.confirmations.add(Content(key, digest))
            self.confirms.append(Confirm(key, at_ms, connection))

    @property
    def offered(self) -> set[Key]:
        return {content.key for content in self.offers}

    @property
    def confirmed(self) -> set[Key]:
        return {content.key for content in self.confirmations}

    def without_tails_of(self, agents: Collection[str]) -> "Witnessed":
        """What agents without a disk offered last and never got confirmed has died with them, as if never offered.

        Only what lies behind the last confirmed number: before it nothing may be missing.
        """
        if not agents:
            return self
        last: dict[tuple[str, int], int] = {}
        for agent_id, epoch, seq in self.confirmed:
            last[agent_id, epoch] = max(last.get((agent_id, epoch), 0), seq)
        tails = {
            content
            for content in self.offers
            if content.key.agent_id in agents and content.key.seq > last.get(content.key[:2], 0)
        }
        return replace(self, offers=self.offers - tails)

    @property
    def copies(self) -> int:
        """How often a record was sent once more."""
        return sum(times - 1 for times in Counter(self.published).values())


class Reader:
    """Reads what was journaled since the last look; a line still being written is left for the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._seen = Witnessed(wall_offset_ms=(time.time_ns() - time.monotonic_ns()) // 1_000_000)

    def look(self) -> Witnessed:
        """The same object each time, with more in it."""
        for file in sorted(self._folder.glob("*.journal")):
            with file.open("rb") as journal:
                journal.seek(self._offsets.get(file, 0))
                whole, _, _ = journal.read().rpartition(b"\n")
            if whole:
                self._offsets[file] = self._offsets.get(file, 0) + len(whole) + 1
                for line in whole.decode().splitlines():
                    self._seen.take(line)
        return self._seen
