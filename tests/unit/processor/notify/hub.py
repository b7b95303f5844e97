"""A notice desk over a real store, whose clock, notifiers and crashes the test holds."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from configuration.notifications import Channel, Kind, NotificationSettings, Route
from health.state import State
from processor.notifiers.notifier import Message, NotifierError
from processor.notify.desk import Desk
from processor.notify.outlet import Outlet, _Call
from processor.silence.sentences import Clocks
from store import fence, mutes, notices
from store.engine import open_engine, reading, transaction
from store.incident_acts import acknowledge
from store.ingest import keep_batch
from store.model import Change, CheckKey
from store.response import Mute, Notice, NoticeKind
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

SECOND_MS = 1_000


@dataclass
class Receiver:
    """A notifier that keeps what it is sent; `fails` is raised after (`takes`) or before it is kept."""

    watch: Callable[["Receiver", Message], None] = lambda *_: None
    fails: NotifierError | None = None
    takes: bool = True
    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> str:
        if self.takes:
            self.watch(self, message)
            self.messages.append(message)
        if self.fails is not None:
            raise self.fails
        return "taken"

    @property
    def notices(self) -> list[Notice]:
        return [notice for message in self.messages for notice in message.notices]

    @property
    def told(self) -> list[NoticeKind]:
        """Kinds in the order of arrival, copies left out."""
        return list({notice.dedup_key: notice.kind for notice in self.notices}.values())


@dataclass
class Narrow(Receiver):
    """A receiver that takes so many at a time, and only whole messages."""

    most: int = 3

    def carries(self, message: Message) -> bool:
        return len(message.notices) <= self.most

    def send(self, message: Message) -> str:
        assert self.carries(message)
        return super().send(message)


class InlineOutlet(Outlet):
    """Its calls end before they return, so that nothing depends on threads."""

    def begin(self, work: Callable[[], str], notices: Sequence[Notice] = ()) -> None:
        self._call = call = _Call(notices, 0.0)
        self._run(call, work)


def settings_of(*routes: Mapping[str, Any], channels: Sequence[str] = ("ops",)) -> NotificationSettings:
    """Log channels of these names; a route takes its fields by their names in the file and goes out at once."""
    return NotificationSettings(
        channels={name: Channel(kind=Kind.LOG) for name in channels},
        routes=[
            Route.model_validate({"channels": ["ops"], "grouping_seconds": 0, **route}) for route in routes or [{}]
        ],
    )


class Hub:
    """One processor after another over one store."""

    def __init__(self, engine: Engine, settings: NotificationSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.monotonic_ms = self.now_ms = NOW_MS + SECOND_MS
        self.receivers = {name: Receiver() for name in settings.channels}
        self._seqs = count(1)
        self.restart()

    def restart(self) -> None:
        """End the processor, whatever it had in hand, and start the next one."""
        self.epoch = fence.claim(self.engine, "next", self.now_ms)
        outlets = {
            name: InlineOutlet(name, receiver, lambda: None, lambda: self.monotonic_ms / 1000)
            for name, receiver in self.receivers.items()
        }
        self.desk = Desk(self.engine, self.settings, outlets, "https://hub")

    def happen(self, what: Change, key: CheckKey = KEY, severity: State = State.WARNING, **fields: Any) -> int:
        """A change of the check's incident; returns its number, 0 when there is none to change."""
        its = change(what, next(self._seqs), key, severity=severity, at_ms=self.now_ms, **fields)
        known = [agent(key.agent_id, host_name=f"{key.agent_id}.example", group_name="web")]
        return keep_batch(self.engine, batch(agents=known, incidents=[its]), self.epoch).incident_numbers.get(key, 0)

    def acknowledge(self, number: int) -> None:
        with transaction(self.engine) as connection:
            acknowledge(connection, number, "ada", self.now_ms)

    def mute(self, **whom: Any) -> int:
        wanted = Mute(
            mute_no=0,
            reason="works",
            author="ada",
            created_ms=self.now_ms,
            starts_ms=self.now_ms,
            ends_ms=None,
            **whom,
        )
        with transaction(self.engine) as connection:
            return mutes.add_mute(connection, wanted).mute_no

    def lift(self, mute_no: int) -> None:
        with transaction(self.engine) as connection:
            mutes.lift(connection, mute_no, "ada", self.now_ms)

    def step(self, ms: int) -> None:
        """Set the wall clock by hand."""
        self.now_ms += ms

    def pass_seconds(self, seconds: float = 1, *, at_once: bool = False) -> None:
        """Let the time go by with a pass each second, or with one in the end."""
        end_ms = self.monotonic_ms + round(seconds * 1000)
        while not at_once and self.monotonic_ms + SECOND_MS < end_ms:
            self._pass_at(self.monotonic_ms + SECOND_MS)
        self._pass_at(end_ms)

    def _pass_at(self, monotonic_ms: int) -> None:
        self.now_ms += monotonic_ms - self.monotonic_ms
        self.monotonic_ms = monotonic_ms
        self.desk.pass_once(self.epoch, Clocks(self.monotonic_ms, self.now_ms))

    @property
    def ops(self) -> Receiver:
        return self.receivers["ops"]

    @property
    def kept(self) -> list[Notice]:
        """All notices of the store, oldest first."""
        with reading(self.engine) as connection:
            return notices.list_notices(connection, "all", None, 10_000)[::-1]

    @property
    def waiting(self) -> list[Notice]:
        with reading(self.engine) as connection:
            return notices.list_notices(connection, "waiting", None, 10_000)[::-1]


def store_at(path: Path, template: Path) -> Engine:
    shutil.copy(template, path)
    return open_engine(f"sqlite:///{path}")
