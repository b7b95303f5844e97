"""The external witness: what each agent says that it offered, sent and heard, on another file system than its spool.

    intent      about to be written to the spool, with the digest of its content
    offered     the transaction that wrote it has ended
    published   handed to the broker's connection, once for each copy
    confirmed   the broker has acknowledged a copy and returned none of it

Each line is on its disk before the agent goes on.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """A record, as everybody calls it."""

    agent_id: str
    epoch: int
    seq: int


class Journal:
    """Appends lines to one file and syncs each write."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, keys: Iterable[Key], digest: str = "") -> None:
        lines = [json.dumps([event, *key, digest]) + "\n" for key in keys]
        if lines:
            os.write(self._descriptor, "".join(lines).encode())
            os.fsync(self._descriptor)


@dataclass
class Witnessed:
    """All journals read together. A number whose transaction failed is given again: it has several intents."""

    intents: dict[Key, set[str]] = field(default_factory=dict)
    offered: set[Key] = field(default_factory=set)
    published: list[Key] = field(default_factory=list)
    confirmed: set[Key] = field(default_factory=set)

    def take(self, line: str) -> None:
        event, agent_id, epoch, seq, digest = json.loads(line)
        key = Key(agent_id, epoch, seq)
        if event == "intent":
            self.intents.setdefault(key, set()).add(digest)
        elif event == "published":
            self.published.append(key)
        else:
            (self.offered if event == "offered" else self.confirmed).add(key)

    @property
    def copies(self) -> int:
        """How often a record was sent once more."""
        return sum(times - 1 for times in Counter(self.published).values())


class Reader:
    """Reads what was journaled since the last look; a line still being written is left for the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._seen = Witnessed()

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
