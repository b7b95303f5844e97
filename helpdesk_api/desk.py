"""What every route works with: built once by `create_app`, handed to routes by `TheDesk`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Annotated, Protocol

from fastapi import Depends, Request
from sqlalchemy import Engine

from configuration.notifications import LOG_CHANNEL
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.settings import Settings
from knowledge.catalogue import Catalogue
from knowledge.matcher import Matcher
from rabbitmq.commands import Command

POLL_WAIT_SECONDS = 5.0
MAX_REPLAYS = 2  # each is a process of its own
MAX_POLLS = 16  # each waiting poll holds a worker thread, and pages need some too


class CommandSender(Protocol):
    """The road to an agent. `send` queues and returns at once; arrival shows in the agent's result record."""

    @property
    def connected(self) -> bool: ...

    @property
    def blocked(self) -> str | None:
        """Why the broker takes no messages now, None while it does."""

    @property
    def queue(self) -> QueueLook | None:
        """What waits for the processor, None while nobody knows."""

    def send(self, reply_to: str, command: Command) -> None: ...


def clock_ms() -> int:
    """Now, in whole milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """The help desk's parts. `admin_key_sha256` is the hash of the key for administration on this machine.

    `channels` are those that notices go to: their kinds by their names.
    """

    settings: Settings
    engine: Engine
    catalogue: Catalogue
    matcher: Matcher
    sender: CommandSender
    admin_key_sha256: str | None = None
    channels: Mapping[str, str] = field(default_factory=lambda: {LOG_CHANNEL: "log"})
    now_ms: Callable[[], int] = clock_ms
    poll_wait_seconds: float = POLL_WAIT_SECONDS
    poll_places: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_POLLS), repr=False)
    replay_places: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_REPLAYS), repr=False)

    def base_url(self, request: Request) -> str:
        """The address people use, without a slash at its end."""
        return (self.settings.public_url or str(request.base_url)).rstrip("/")


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(desk_of)]
