"""Starts the help desk and stops it.

1. Settings, every problem at once; the socket, the administration key in its place; exit 2 if one cannot be had.
2. Wait for the database, say so once. 3. Start the command road, answer HTTP until SIGINT or SIGTERM. 4. Undo it all.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from configuration.notifications import load as load_notifications
from configuration.reader import ConfigError
from console.logs import start_logging
from helpdesk_api.admin_key import admin_key
from helpdesk_api.app import create_app
from helpdesk_api.command_sender import AmqpCommandSender
from helpdesk_api.desk import Desk
from helpdesk_api.group_keeper import start_keeper
from helpdesk_api.server import answer, listening_socket
from helpdesk_api.settings import Settings, load_settings
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from store.engine import StoreUnavailable, open_engine
from store.migrate import SchemaNotCurrent, require_current

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 10.0
_log = logging.getLogger(__name__)


def main() -> int:
    """The exit code: 0 after a stop that was asked for, 2 for settings nobody can start with."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both signals end by way of the finally clauses
    try:
        settings = start_settings(os.environ)
        channels, engine = channel_kinds(settings), open_store(settings)
        with listening_socket(settings) as listening, admin_key(settings.admin_key_file) as admin_key_sha256:
            wait_for_database(engine)
            serve(settings, engine, listening, admin_key_sha256, channels)
    except ConfigError as error:
        for problem in error.problems:
            _log.error("%s", problem)
        return 2
    except KeyboardInterrupt:
        _log.info("stopped")
    return 0


def start_settings(environment: Mapping[str, str]) -> Settings:
    """The settings, and logging as they ask for. Raises ConfigError with the problems of both."""
    problems: list[str] = []
    try:
        start_logging(environment)
    except ValueError as error:
        start_logging({})  # to tell what is wrong with the settings
        problems += str(error).splitlines()
    try:
        settings = load_settings(environment)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return settings


def open_store(settings: Settings) -> Engine:
    """Raises ConfigError."""
    try:
        return open_engine(settings.database_url, settings.database_secret)
    except ValueError as error:
        raise ConfigError([f"HEALTHMON_DATABASE_URL: {error}"]) from None


def wait_for_database(engine: Engine, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when the database answers with tables of this program's version; say each reason to wait once."""
    retry_seconds, told = FIRST_RETRY_SECONDS, ""
    while True:
        try:
            require_current(engine)
        except (StoreUnavailable, SchemaNotCurrent) as error:
            if str(error) != told:
                _log.warning("waiting for the database: %s", error)
            told = str(error)
            sleep(retry_seconds)
            retry_seconds = min(2 * retry_seconds, LAST_RETRY_SECONDS)
        else:
            return


def channel_kinds(settings: Settings) -> Mapping[str, str]:
    """The kinds of the channels by their names; what is secret of them is for the processor alone.

    Raises ConfigError.
    """
    channels = load_notifications(settings.notifications_file).channels
    return {name: channel.kind for name, channel in channels.items()}


def serve(
    settings: Settings,
    engine: Engine,
    listening: socket.socket,
    admin_key_sha256: str,
    channels: Mapping[str, str],
) -> None:
    catalogue = load_catalogue()
    for error in catalogue.errors:
        _log.warning("%s", error)
    sender = AmqpCommandSender(settings.broker)
    desk = Desk(settings, engine, catalogue, Matcher(catalogue.problems), sender, admin_key_sha256, channels)
    sender.start()
    stop_keeper = start_keeper(desk)
    try:
        answer(create_app(desk), settings, listening)
    finally:
        stop_keeper()
        sender.stop()
        engine.dispose()
