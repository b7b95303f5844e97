"""Starts the help desk and stops it.

1. Settings and the socket; every problem at once, exit 2. 2. Wait for the database, say so once. 3. Start the command
road, put the administration key in its place. 4. Answer HTTP until SIGINT or SIGTERM. 5. Undo 3.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable

from sqlalchemy import Engine

from configuration.reader import ConfigError
from console.logs import start_logging
from helpdesk_api.admin_key import admin_key
from helpdesk_api.app import create_app
from helpdesk_api.command_sender import AmqpCommandSender
from helpdesk_api.desk import Desk
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
    start_logging({})  # to tell what is wrong with the settings
    try:
        start_logging()
        settings = load_settings(os.environ)
        engine = open_store(settings)
        listening = listening_socket(settings)
    except (ConfigError, ValueError) as error:
        for problem in str(error).splitlines():
            _log.error("%s", problem)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both signals end by way of the finally clauses
    try:
        wait_for_database(engine)
        serve(settings, engine, listening)
    except KeyboardInterrupt:
        _log.info("stopped")
    finally:
        listening.close()
        engine.dispose()
    return 0


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


def serve(settings: Settings, engine: Engine, listening: socket.socket) -> None:
    catalogue = load_catalogue()
    for error in catalogue.errors:
        _log.warning("%s", error)
    sender = AmqpCommandSender(settings.broker)
    with admin_key(settings.admin_key_file) as admin_key_sha256:
        desk = Desk(settings, engine, catalogue, Matcher(catalogue.problems), sender, admin_key_sha256)
        sender.start()
        try:
            answer(create_app(desk), settings, listening)
        finally:
            sender.stop()
