"""The processor's entry: settings, signals, threads, and the two one-shots `migrate` and `check`."""

import argparse
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine

from configuration.reader import ConfigError
from console.logs import start_logging
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from processor.canary import Canary
from processor.consumer import Consumer
from processor.fold import RuleSet
from processor.keeper import Keeper, wall_clock_ms
from processor.remedies import Remedies
from processor.rule import Rule
from processor.rule_files import RuleFileError, load_rules
from processor.settings import Settings, load_settings
from processor.summary import Summary
from store.engine import StoreUnavailable, open_engine, reading
from store.flow import last_flow
from store.migrate import SchemaNotCurrent, migrate, require_current

log = logging.getLogger(__name__)

SUMMARY_SECONDS = 60.0
RETENTION_SECONDS = 600.0
FLOW_FRESH_MS = 60_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 ended as asked, 1 `check` found no flow, 2 configuration."""
    parser = argparse.ArgumentParser(prog="python -m processor", description="healthmon's processor")
    parser.add_argument("verb", nargs="?", default="run", choices=["run", "migrate", "check"])
    verb = parser.parse_args(arguments).verb
    try:
        settings, rules = _configuration(os.environ)
        engine = _open(settings)
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return 2
    if verb == "migrate":
        return _migrate(engine)
    if verb == "check":
        return _check(engine)
    return _run(settings, engine, rules)


def _configuration(environment: Mapping[str, str]) -> tuple[Settings, RuleSet]:
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
    return settings, RuleSet(rules)


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
    if flow is None or wall_clock_ms() - flow.sent_ms > FLOW_FRESH_MS:
        log.error("no canary of the last %d s was stored", FLOW_FRESH_MS // 1000)
        return 1
    return 0


def _run(settings: Settings, engine: Engine, rules: RuleSet) -> int:
    """Wait for the database, start the canary, consume until a signal; then close in the reverse order."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _wait_for_database(lambda: require_current(engine), stop)
    except SchemaNotCurrent as error:
        log.error("%s", error)
        return 2
    catalogue = load_catalogue()
    for problem in catalogue.errors:
        log.error("%s", problem)
    keeper = Keeper(
        engine,
        rules,
        Remedies(Matcher(catalogue.problems)),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        public_url=settings.public_url.rstrip("/"),
        now_ms=wall_clock_ms,
    )
    canary = threading.Thread(target=Canary(settings.broker, stop, wall_clock_ms).run, name="canary")
    canary.start()
    try:
        Consumer(settings.broker, keeper, stop, _timed_work(keeper, round(settings.retention_hours * 3_600_000))).run()
    finally:
        stop.set()  # whatever ended the consumer ends the process, so that it is started again
        canary.join()
    log.info("stopped")
    return 0


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


def _timed_work(keeper: Keeper, retention_ms: int) -> Callable[[], None]:
    """What happens by the clock, called often: the summary each minute, retention each ten."""
    last_summary = last_retention = time.monotonic()

    def work() -> None:
        nonlocal last_summary, last_retention
        now = time.monotonic()
        if now - last_summary >= SUMMARY_SECONDS:
            log.info("%s", keeper.summary.line(round((now - last_summary) / 60, 1)))
            keeper.summary = Summary()
            last_summary = now
        if now - last_retention >= RETENTION_SECONDS:
            keeper.drop_expired(retention_ms)
            last_retention = now

    return work
