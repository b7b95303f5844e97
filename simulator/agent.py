"""One agent of an imagined host: the true stamps, spool, publisher and link; only what is measured is made up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from pika.adapters.select_connection import IOLoop

from agent.commands.command import refusal
from agent.commands.inbox import Inbox
from agent.publisher import Publisher
from agent.schedule import next_due
from agent.spool import Spool, SpoolUnavailable
from agent.stamp import Stamp, Stamper
from rabbitmq.connection import BrokerAddress
from rabbitmq.records import Goodbye, Hello, Record, Result, Snapshot
from rabbitmq.version import __version__
from simulator.levels import CalmHost
from simulator.readings import readings, system
from simulator.room import SPOOL_BYTES
from simulator.trouble import CALM_REPORTS, Trouble

LONGEST_UPTIME_SECONDS = 100 * 86400.0
OBEYED = ("poll",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """An agent's place in the fleet. `first_wait_seconds` is from its first report to its second: an interval at most,
    and not the same for all, so that the reports spread."""

    agent_id: str
    name: str
    seed: str
    interval_seconds: float
    first_wait_seconds: float
    trouble: Trouble


class CountedPublisher(Publisher):
    """Knows how often its link came up."""

    ups = 0

    def link_up(self) -> None:
        self.ups += 1
        super().link_up()


class SimulatedAgent:
    """Works on the loop's thread, from `start` to `close`."""

    def __init__(self, who: Who, broker: BrokerAddress, loop: IOLoop, *, reconnect_max_seconds: float) -> None:
        random = Random(who.seed)  # noqa: S311 - the same fleet for the same seed, nothing secret
        self._who = who
        self._loop = loop
        self._host = CalmHost(random)
        self._booted_seconds = time.monotonic() - random.uniform(0.0, LONGEST_UPTIME_SECONDS)
        self._inbox = Inbox()
        stamper = Stamper(who.agent_id, f"boot-{who.seed}", wall_clock=self._wall_clock, boot_clock=self._uptime)
        self._spool = Spool.in_memory(stamper, bound_bytes=SPOOL_BYTES)
        self.publisher = CountedPublisher(
            self._spool,
            broker,
            loop,
            agent_id=who.agent_id,
            name=who.name,
            on_command=self._obey,
            reconnect_max_seconds=reconnect_max_seconds,
            wall_clock=self._wall_clock,
        )
        self._due_seconds = 0.0
        self._reports = 0
        self._has_left = False
        self.skipped_reports = 0

    @property
    def kept(self) -> int:
        """Records made so far, less those named as lost."""
        return self._spool.last_seq - self._spool.lost_count

    @property
    def unconfirmed(self) -> int:
        return self._spool.count

    @property
    def waiting(self) -> int:
        return self._spool.waiting_count

    @property
    def lost(self) -> int:
        return self._spool.lost_count

    def start(self) -> None:
        """Connect, say hello, report, and go on reporting."""
        self.publisher.open()
        name, booted_seconds = self._who.name, self._wall_clock() - self._uptime()
        self._keep(
            lambda stamp: Hello(
                **stamp,
                agent_version=__version__,
                host_name=name,
                scope="host",
                interval_seconds=self._who.interval_seconds,
                system=system(name, booted_seconds),
            )
        )
        self._report("interval")
        self._due_seconds = time.monotonic() + self._who.first_wait_seconds
        self._loop.call_later(self._who.first_wait_seconds, self._report_and_go_on)

    def leave(self) -> None:
        """No more reports; a goodbye, unless the trouble is that there is none."""
        self._has_left = True
        if not self._is_silent:
            self._keep(lambda stamp: Goodbye(**stamp, reason="simulated"))

    def close(self, then: Callable[[], None]) -> None:
        self.publisher.close(then)

    @property
    def _is_silent(self) -> bool:
        return self._who.trouble.falls_silent and self._reports >= CALM_REPORTS

    def _report_and_go_on(self) -> None:
        if self._has_left:
            return
        self._report("interval")
        now_seconds, interval_seconds = time.monotonic(), self._who.interval_seconds
        due_seconds = next_due(self._due_seconds, interval_seconds, now_seconds)
        self.skipped_reports += round((due_seconds - self._due_seconds) / interval_seconds) - 1
        self._due_seconds = due_seconds
        self._loop.call_later(due_seconds - now_seconds, self._report_and_go_on)

    def _report(self, trigger: Literal["interval", "poll"]) -> None:
        if self._is_silent:
            return
        levels = self._host.step()
        if self._reports >= CALM_REPORTS:
            age_seconds = (self._reports - CALM_REPORTS) * self._who.interval_seconds
            levels = self._who.trouble.change(levels, age_seconds)
        self._reports += 1
        measured = readings(levels, self._uptime())
        self._keep(
            lambda stamp: Snapshot(
                **stamp,
                readings=measured,
                interval_seconds=self._who.interval_seconds,
                scope="host",
                trigger=trigger,
            )
        )

    def _obey(self, body: bytes) -> None:
        self._inbox.put(body)
        command = self._inbox.wait(0)
        if command is None or self._is_silent or self._has_left:
            return
        now_seconds = self._wall_clock()
        why_not = refusal(command, agent_id=self._who.agent_id, known_kinds=OBEYED, now_seconds=now_seconds)
        if not why_not:
            self._report("poll")
        self._keep(
            lambda stamp: Result(
                **stamp,
                command_id=command.command_id,
                kind=command.kind,
                outcome="refused" if why_not else "done",
                detail=why_not or "reported",
            )
        )

    def _keep(self, build: Callable[[Stamp], Record]) -> None:
        try:
            self._spool.append(build)
        except SpoolUnavailable:
            self.skipped_reports += 1  # no number was used
        self.publisher.nudge()

    def _wall_clock(self) -> float:
        return time.time() - self._who.trouble.clock_behind_seconds

    def _uptime(self) -> float:
        return time.monotonic() - self._booted_seconds
