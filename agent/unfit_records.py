"""Records that no encoder takes: each is left out, named once in the log and in the errors of the next snapshot."""

import logging
from collections.abc import Callable

from agent.plain_text import plain_text
from agent.stamp import Stamp
from rabbitmq.records import Record

SNAPSHOT = "snapshot"

log = logging.getLogger("agent")

Build = Callable[[Stamp], Record]


class UnfitRecords:
    """By kind of record: why the last one could not be written."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def try_to(self, append: Callable[[Build], int], build: Build) -> bool:
        """Append a record. Whether it could be written; raises what else `append` raises."""
        kinds = ["record"]

        def noted(stamp: Stamp) -> Record:
            record = build(stamp)
            kinds.append(type(record).__name__.lower())
            return record

        try:
            append(noted)
        except (ValueError, TypeError, OverflowError) as error:
            self._note(kinds[-1], plain_text(f"{type(error).__name__}: {error}"))
            return False
        return True

    def take(self) -> dict[str, str]:
        """What was found since the last take, as a snapshot tells it in its errors."""
        found, self._found = self._found, {}
        return found

    def _note(self, kind: str, why: str) -> None:
        self._found[kind] = f"left out, it cannot be written as a record: {why}"
        if self._said.get(kind) != why:
            log.error("this %s is left out, it cannot be written as a record: %s", kind, why)
        self._said[kind] = why
