"""The processor's entry: settings, signals, threads, and the two one-shots `migrate` and `check`."""

import argparse
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine

from configuration.notifications import load as load_notifications
from configuration.reader import ConfigError
from console.logs import start_logging
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from knowledge.model import KnownProblem
from processor import late_results
from processor.consumer import Consumer
from processor.expiry import Expiry
from processor.keeper import Bearings, Keeper, monotonic_clock_ms, wall_clock_ms
from processor.lateness import CanaryTimes, write_canary
from processor.notify.sender import Sender
from processor.outward import Outward
from processor.past import past_in
from processor.periodic import Periodic, Round
from processor.periodic_rules import PERIOD_SECONDS, PeriodicRules
from processor.queue_check import WrongQueue
from processor.releases import Releases
from processor.remedies import Remedies
from processor.retirement import Retirements
from processor.rule import Rule
from processor.rule_book import RuleBook
from processor.rule_files import RuleFileError, load_rules
from processor.rule_watch import RuleWatch
from processor.settings import Settings, load_settings
from processor.silence.broker_events import BrokerEvents
from processor.silence.evidence import Senses
from processor.silence.reachability import Probes
from processor.silence.sentences import Clocks
from processor.silence.watch import SilenceWatch
from processor.summary import Summary
from store.engine import StoreUnavailable, open_engine, reading
from store.flow import last_flow
from store.migrate import SchemaNotCurrent, migrate, require_current
from store.model import CLOCK_TOLERANCE_MS
from store.rule_files import rule_files

log = logging.getLogger(__name__)

SUMMARY_SECONDS = 60.0
RETENTION_SECONDS = 600.0
PASS_TIME_SECONDS = 5.0
REDRIVE_SECONDS = 1.0
RETIRE_SECONDS = 1.0
LATE_RESULTS_SECONDS = 1.0
SILENCE_SECONDS = 0.5
RULES_SECONDS = 5.0
DEPENDENCIES_SECONDS = 2.0
OUTWARD_ENDS_WITHIN_SECONDS = 5.0
FLOW_FRESH_MS = 60_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 ended as asked, 1 `check` found no flow, 2 configuration."""
    parser = argparse.ArgumentParser(prog="python -m processor", description="healthmon's processor")
    parser.add_argument("verb", nargs="?", default="run", choices=["run", "migrate", "check"])
    verb = parser.parse_args(arguments).verb
    try:
        settings, rules = _configuration(os.environ)
        engine = _open(settings)
        if verb == "run":
            return _run(settings, engine, rules)
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return 2
    return _migrate(engine) if verb == "migrate" else _check(engine)


def _configuration(environment: Mapping[str, str]) -> tuple[Settings, Sequence[Rule]]:
    """Settings and rules, and logging as asked for. Raises ConfigError with the problems of all three."""
    problems: list[str] = []
    settings, rules = Settings(), list[Rule]()
    try:
        start_logging(environment)
    except ValueError as error:
        start_logging({})  # to tell what is wrong
        problems += str(error).splitlines()
    try:
        settings = load_settings(environment)
    except ConfigError as error:
        problems += error.problems
    try:
        rules = load_rules()
    except RuleFileError as error:
        problems += str(error).splitlines()
    if problems:
        raise ConfigError(problems)
    return settings, rules


def _open(settings: Settings) -> Engine:
    try:
        return open_engine(settings.database_url, settings.database_secret)
    except ValueError as error:
        raise ConfigError([f"HEALTHMON_DATABASE_URL: {error}"]) from None


def _migrate(engine: Engine) -> int:
    _wait_for_database(lambda: migrate(engine), threading.Event())
    log.info("database schema is current")
    return 0


def _check(engine: Engine) -> int:
    """Whether a canary came through within the last minute: the container's health check."""
    try:
        with reading(engine) as connection:
            flow = last_flow(connection)
    except StoreUnavailable as error:
        log.error("the database is away: %s", error)
        return 1
    if flow is None or not -CLOCK_TOLERANCE_MS <= wall_clock_ms() - flow.sent_ms <= FLOW_FRESH_MS:
        log.error("no canary of the last %d s was stored", FLOW_FRESH_MS // 1000)
        return 1
    return 0


def _run(settings: Settings, engine: Engine, rules: Sequence[Rule]) -> int:
    """Wait for the database, start the roads out, consume until a signal; then close in the reverse order."""
    public_url = settings.public_url.rstrip("/")
    notifications = load_notifications(settings.notifications_file)
    sender = Sender(engine, notifications, settings.notifications_file, public_url, _clocks)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _wait_for_database(lambda: require_current(engine), stop)
    except SchemaNotCurrent as error:
        log.error("%s", error)
        return 2
    bearings = Bearings(
        f"{socket.gethostname()}:{os.getpid()}", secrets.token_hex(8), wall_clock_ms, monotonic_clock_ms
    )
    remembered = _remembered_files(engine, stop)
    book = RuleBook(rules, settings.rules_dir, remembered)
    book.look()
    outward = Outward(settings.broker, stop, lambda: _canary_body(bearings))
    events = BrokerEvents(settings.broker, stop, on_closed=outward.prove_flow)
    find_remedies = Remedies(Matcher(_problems()))
    keeper = Keeper(
        engine,
        book.rules,
        find_remedies,
        bearings=bearings,
        public_url=public_url,
        send=outward.send,
        tell=sender.hear,
        silence=SilenceWatch(Senses(outward.way_out, outward.prove_flow, events.drain, Probes()), find_remedies),
    )
    threading.Thread(target=events.run, name="broker-events", daemon=True).start()
    road_out = threading.Thread(target=outward.run, name="outward", daemon=True)
    road_out.start()
    notices = threading.Thread(target=sender.run, args=(stop, lambda: keeper.fence_epoch), name="notices", daemon=True)
    notices.start()
    try:
        periodic_rules = PeriodicRules(past_in(engine), lambda: book.rules)
        watch = RuleWatch(book, keeper, remembered)
        retention_ms = round(settings.retention_hours * 3_600_000)
        expiry = Expiry(engine, retention_ms, bearings.now_ms, bearings.monotonic_ms)
        releases = Releases(lambda: book.rules)
        timed_work = _timed_work(keeper, watch, periodic_rules, releases, Retirements(engine), expiry)
        Consumer(settings.broker, keeper, stop, timed_work).run()
    except WrongQueue as error:
        log.error("%s", error)
        return 2
    finally:
        stop.set()  # whatever ended the consumer ends the process, so that it is started again
        sender.wake()
        notices.join(OUTWARD_ENDS_WITHIN_SECONDS)
        road_out.join(OUTWARD_ENDS_WITHIN_SECONDS)
    log.info("stopped")
    return 0


def _clocks() -> Clocks:
    return Clocks(monotonic_clock_ms(), wall_clock_ms())


def _remembered_files(engine: Engine, stop: threading.Event) -> Mapping[str, str]:
    """The users' rule files as they were in force last, by name."""
    remembered: dict[str, str] = {}

    def load() -> None:
        with reading(engine) as connection:
            remembered.update({file.name: file.content for file in rule_files(connection)})

    _wait_for_database(load, stop)
    return remembered


def _problems() -> Sequence[KnownProblem]:
    catalogue = load_catalogue()
    for problem in catalogue.errors:
        log.error("%s", problem)
    return catalogue.problems


def _canary_body(bearings: Bearings) -> bytes:
    return write_canary(CanaryTimes(bearings.now_ms(), bearings.canary_token, bearings.monotonic_ms()))


def _wait_for_database(attempt: Callable[[], object], stop: threading.Event) -> None:
    """Repeat until it works, with back-off up to 5 s; said once."""
    delay_seconds = 0.25
    while not stop.is_set():
        try:
            attempt()
            return
        except StoreUnavailable as error:
            if delay_seconds == 0.25:
                log.warning("waiting for the database: %s", error)
            stop.wait(delay_seconds)
            delay_seconds = min(delay_seconds * 2, 5.0)


def _timed_work(
    keeper: Keeper,
    watch: RuleWatch,
    periodic_rules: PeriodicRules,
    releases: Releases,
    retirements: Retirements,
    expiry: Expiry,
) -> Callable[[], None]:
    """What happens by the clock, called often."""
    last_summary = time.monotonic()

    def summarise() -> None:
        nonlocal last_summary
        now = time.monotonic()
        log.info("%s", keeper.summary.line(round((now - last_summary) / 60, 1)))
        keeper.summary, last_summary = Summary(), now

    jobs = (
        Periodic("judging silence", SILENCE_SECONDS, keeper.watch_silence),
        Periodic("opening what nothing explains", SILENCE_SECONDS, lambda: keeper.keep_timed(releases.decide)),
        Periodic("telling of late results", LATE_RESULTS_SECONDS, lambda: keeper.keep_timed(late_results.decide)),
        Periodic("summary", SUMMARY_SECONDS, summarise),
        Periodic("asking for missing records", PASS_TIME_SECONDS, keeper.pass_time),
        Periodic("redrive", REDRIVE_SECONDS, keeper.redrive),
        Periodic("retiring hosts", RETIRE_SECONDS, lambda: keeper.keep_timed(retirements.decide)),
        Periodic("reading rule files", RULES_SECONDS, watch.look),
        Periodic("reading dependencies", DEPENDENCIES_SECONDS, keeper.look_at_dependencies),
        Periodic("rules by the clock", PERIOD_SECONDS, lambda: keeper.keep_timed(periodic_rules.decide)),
        Periodic("retention", RETENTION_SECONDS, lambda: expiry.drop(keeper.owned_epoch)),
    )
    return Round(jobs).go
