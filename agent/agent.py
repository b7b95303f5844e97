"""The agent: collect, judge, keep, send; obey the few commands there are; say good-bye.

collectors --> Snapshot --> spool --> publisher --> broker
  checks          |           ^            |
                  v           |            v
             local health -> Evidence,   inbox
                              Action,      |
                              Result <- command
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Literal

from agent.black_box import CALM_PERIOD_SECONDS, EARLY_SECONDS, NEVER, BlackBox
from agent.checks.runner import CheckRunner, FinishedCheck
from agent.collectors import switched
from agent.collectors.collection import Running, collect_all
from agent.collectors.disk import Disk
from agent.commands import COMMANDS
from agent.commands.command import Refused, refusal
from agent.commands.inbox import Inbox
from agent.host import Host, boot_seconds, plain_name
from agent.identity import Identity
from agent.interval import Interval
from agent.io_loop import LocalLoop
from agent.local_actions import Position
from agent.local_health import LocalHealth
from agent.metric_groups import MetricGroups, Names
from agent.minute import Minute
from agent.publisher import Publisher
from agent.publisher_thread import PublisherThread
from agent.schedule import next_due
from agent.settings import Settings
from agent.spool import SpoolUnavailable
from agent.spool_refuge import SpoolWithRefuge
from agent.stamp import Stamp, Stamper
from agent.status import Status, write_status
from agent.system_information import system_information
from agent.unfit_records import SNAPSHOT, UnfitRecords
from rabbitmq.commands import Command
from rabbitmq.records import Goodbye, Hello, Readings, Record, Result, Snapshot, System
from rabbitmq.version import __version__

SPOOL_FILE = "spool.sqlite3"
MEBIBYTE = 1024 * 1024
DAY_SECONDS = 86400.0
FLUSH_SECONDS = 3.0
HELLO_SECONDS = 3600.0  # so that a hub that lost its database learns who this is
SETTLE_SECONDS = 0.5  # so that the status, written with the black box's next note, tells of the snapshot just sent
SHORTEST_REST_SECONDS = 0.5  # between two snapshots that checks ask for

log = logging.getLogger("agent")


class Agent:
    """One running agent; `run` returns after `stop`, which a signal handler may call."""

    def __init__(self, settings: Settings, identity: Identity, host: Host, collectors: Sequence[Running]) -> None:
        self._settings = settings
        self._identity = identity
        self._host = host
        self._groups = MetricGroups(identity.folder, settings.collectors)
        self._collectors = switched(collectors, settings.collectors, self._groups.now)
        self._disk = Disk()
        self._name = plain_name(settings.name or "") or host.host_name()
        self._machine = socket.gethostname()
        self._hub_address = str(settings.broker)
        self._inbox = Inbox()
        self._interval = Interval(identity.folder, settings.interval_seconds)
        self._box = BlackBox(host)
        self._health = LocalHealth(settings, identity.folder, host, self._box, self._wake_for_news)
        self._checks = CheckRunner(settings.checks, self._wake_for_check)
        self._spool = SpoolWithRefuge(
            identity.folder / SPOOL_FILE,
            Stamper(identity.agent_id, host.boot_id()),
            bound_bytes=settings.spool_max_mib * MEBIBYTE,
            max_age_seconds=settings.spool_max_days * DAY_SECONDS,
        )
        self._publisher = Publisher(
            self._spool,
            settings.broker,
            LocalLoop(),
            agent_id=identity.agent_id,
            name=self._name,
            on_command=self._inbox.put,
            reconnect_max_seconds=settings.reconnect_max_seconds,
        )
        self._publishing = PublisherThread(self._publisher)
        self._started_seconds = time.time()
        self._errors: dict[str, str] = {}
        self._unfit = UnfitRecords()
        self._goodbye_reason = ""
        self._minute = Minute()
        self._hello_due_seconds = self._due_seconds = self._reported_seconds = 0.0
        self._status_due_seconds = 0.0
        self._extra_seconds = NEVER  # when a snapshot out of turn is due
        self._has_news = True

    def stop(self, reason: str) -> None:
        self._goodbye_reason = reason
        self._inbox.wake()

    def run(self) -> None:
        """Until `stop`: hello at once and hourly, a snapshot per interval. Raises what ended the publisher, if any."""
        self._health.go_on(self._keep, self._position())
        self._greet()
        self._publishing.start()
        self._checks.start()
        self._due_seconds = time.monotonic()
        while not self._goodbye_reason and self._publishing.failure is None:
            if time.monotonic() >= self._hello_due_seconds:
                self._say_hello()
            self._report("interval")
            self._minute.tick(self._publisher.confirmed_count, self._spool.count, self._spool.lost_count)
            self._due_seconds = next_due(self._due_seconds, self._interval.seconds, time.monotonic())
            self._rest()
        self._leave()

    def report_now(self) -> None:
        """A snapshot out of turn, with the collectors that have a slower period of their own; all checks are made."""
        self._checks.run_now()
        for running in self._collectors:
            running.last_period = None
        self._report("poll")

    def report_every(self, interval_seconds: float | None) -> str:
        """From now on, None as the settings say; the next snapshot is due at once. Raises OSError."""
        self._interval.tell(interval_seconds)
        self._due_seconds = time.monotonic()
        why = "" if self._interval.is_told else ", as its settings say"
        return f"reports every {self._interval.seconds:g} s{why}"

    def report_only(self, collectors: Names | None) -> str:
        """Metric groups from now on, None as the settings say; told at once, with a snapshot. Raises OSError."""
        before = self._groups.now
        self._groups.tell(collectors)
        self._collectors = switched(self._collectors, before, self._groups.now)
        self._say_hello()
        self._due_seconds = time.monotonic()
        why = "" if self._groups.is_told else ", as its settings say"
        return f"measures {', '.join(self._groups.now)}{why}"

    def _greet(self) -> None:
        log.info(
            "%s starts, every %g s, %d collectors, id %s, reports the %s (%s)",
            self._name,
            self._interval.seconds,
            len(self._collectors),
            self._identity.agent_id,
            self._host.scope,
            self._host.reason,
        )
        self._say_hello()

    def _say_hello(self) -> None:
        self._hello_due_seconds = time.monotonic() + HELLO_SECONDS
        system = self._system()
        self._keep(
            lambda stamp: Hello(
                **stamp,
                agent_version=__version__,
                host_name=self._name,
                scope=self._host.scope,
                interval_seconds=self._interval.seconds,
                system=system,
                group=self._settings.group,
                labels=self._settings.labels,
                checks=self._checks.names(),
                collectors=list(self._groups.now),
                collectors_told=self._groups.is_told,
            )
        )

    def _leave(self) -> None:
        """Goodbye, a moment to send what is left, then close in this order: link, spool, slot."""
        reason = self._goodbye_reason or "failed"
        self._checks.stop()
        self._health.stop()
        self._health.tell(self._keep, self._position)
        self._keep(lambda stamp: Goodbye(**stamp, reason=reason))
        self._publisher.wait_until_sent(FLUSH_SECONDS)
        self._write_status(running=False)
        self._publishing.stop()
        kept_count = self._spool.count
        self._spool.close()
        self._box.close()
        self._identity.release()
        log.info("%s stopped, %d records kept for the next start", self._name, kept_count)
        if self._publishing.failure is not None:
            raise self._publishing.failure

    def _rest(self) -> None:
        """Wait for the next collection, and meanwhile do what others ask: commands, checks, threads that are done."""
        box, wait, clock = self._box, self._inbox.wait, time.monotonic
        while not self._goodbye_reason:
            now = clock()
            if now >= box.due_seconds - EARLY_SECONDS:
                box.note(now)
            if now >= self._status_due_seconds - EARLY_SECONDS:
                self._write_status(running=True)
            if now >= self._due_seconds:
                return
            if self._has_news:
                self._has_news = False
                self._health.tell(self._keep, self._position)
            if now >= self._extra_seconds:
                self._report("check")
            command = wait(min(self._due_seconds, box.due_seconds, self._status_due_seconds, self._extra_seconds) - now)
            if command is not None:
                self._obey(command)

    def _wake_for_news(self) -> None:
        """Any thread: something was done or seen that is to be told."""
        self._has_news = True
        self._inbox.wake()

    def _wake_for_check(self) -> None:
        """Any thread: a check changed, which is told at once, but not sooner than a moment after what was told last."""
        self._extra_seconds = self._reported_seconds + SHORTEST_REST_SECONDS
        self._inbox.wake()

    def _obey(self, command: Command) -> None:
        why_not = refusal(command, agent_id=self._identity.agent_id, known_kinds=COMMANDS, now_seconds=time.time())
        if why_not:
            log.warning("command %s refused: %s", command.command_id, why_not)
            self._keep(_result(command, "refused", why_not))
            return
        try:
            detail = COMMANDS[command.kind](self, command.arguments)
        except Refused as why:
            log.warning("command %s refused: %s", command.command_id, why)
            self._keep(_result(command, "refused", str(why)))
            return
        except Exception as error:
            log.exception("command %s failed", command.command_id)
            self._keep(_result(command, "failed", f"{type(error).__name__}: {error}"[:4096]))
            return
        log.info("command %s: %s %s", command.command_id, command.kind, detail)
        self._keep(_result(command, "done", detail))

    def _report(self, trigger: Literal["interval", "poll", "check"]) -> None:
        self._reported_seconds, self._extra_seconds = time.monotonic(), NEVER
        readings, self._errors = collect_all(self._collectors, self._host, boot_seconds())
        finished = self._checks.take()
        for each in finished:
            readings.update(each.readings)
        self._keep(self._snapshot(readings, finished, self._unfit.take(), trigger))
        if SNAPSHOT in (unfit := self._unfit.take()):
            readings, finished, self._errors = {}, (), {}
            self._keep(self._snapshot(readings, finished, unfit, trigger))
        self._health.observe(
            readings,
            self._errors,
            finished,
            now_seconds=time.time(),
            interval_seconds=self._interval.seconds,
            switched_off=self._groups.switched_off,
        )
        self._status_due_seconds = self._when_awake(self._reported_seconds + SETTLE_SECONDS)

    def _snapshot(
        self,
        readings: Readings,
        finished: Sequence[FinishedCheck],
        unfit: dict[str, str],
        trigger: Literal["interval", "poll", "check"],
    ) -> Callable[[Stamp], Record]:
        errors, interval_seconds = self._errors | self._spool.errors | unfit, self._interval.seconds
        switched_off = self._groups.switched_off
        return lambda stamp: Snapshot(
            **stamp,
            readings=readings,
            interval_seconds=interval_seconds,
            scope=self._host.scope,
            errors=errors,
            trigger=trigger,
            checks=[each.result for each in finished],
            switched_off=switched_off,
        )

    def _when_awake(self, at_seconds: float) -> float:
        """That time, or a little later when the agent wakes up then anyhow: it is the waking up that costs."""
        wakes = (self._box.due_seconds, self._reported_seconds + self._interval.seconds)
        later = min((wake for wake in wakes if wake >= at_seconds), default=NEVER)
        return later if later <= at_seconds + CALM_PERIOD_SECONDS else at_seconds

    def _keep(self, build: Callable[[Stamp], Record]) -> bool:
        """False when the disk refuses; what cannot be written at all is done with."""
        try:
            is_written = self._unfit.try_to(self._spool.append, build)
        except SpoolUnavailable as error:
            self._minute.not_kept(str(error))
            return False
        if is_written:
            self._publisher.nudge()
        return True

    def _position(self) -> Position:
        return self._spool.epoch, self._spool.last_seq

    def _system(self) -> System | None:
        try:
            return system_information(self._host, self._disk)
        except Exception:
            log.exception("system information could not be read, going on without")
            return None

    def _write_status(self, *, running: bool) -> None:
        self._status_due_seconds = NEVER
        hub, now_seconds = self._publisher.hub, time.time()
        status = Status(
            agent_id=self._identity.agent_id,
            name=self._name,
            machine=self._machine,
            scope=self._host.scope,
            version=__version__,
            process_id=os.getpid(),
            running=running,
            written_seconds=now_seconds,
            started_seconds=self._started_seconds,
            interval_seconds=self._interval.seconds,
            collectors=len(self._collectors),
            errors=self._errors | self._spool.errors,
            switched_off=self._groups.switched_off,
            hub=self._hub_address,
            hub_state=hub.state,
            hub_since_seconds=hub.since_seconds,
            hub_why=hub.why,
            hub_advice=hub.advice,
            last_confirmed_seconds=self._publisher.last_confirmed_seconds,
            epoch=self._spool.epoch,
            last_seq=self._spool.last_seq,
            waiting=self._spool.count,
            lost=self._spool.lost_count,
            checks=self._health.rows(now_seconds),
        )
        try:
            write_status(self._identity.folder, status)
        except OSError as error:
            self._minute.not_kept(str(error))


def _result(command: Command, outcome: Literal["done", "failed", "refused"], detail: str) -> Callable[[Stamp], Record]:
    return lambda stamp: Result(
        **stamp, command_id=command.command_id, kind=command.kind, outcome=outcome, detail=detail
    )
