"""`python -m rabbitmq setup`: bring a broker to what topology.py says. Safe to run at every start."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rabbitmq.accounts import AdminRefused, log_in, set_up_accounts
from rabbitmq.declare import TopologyDiffers, declare_topology
from rabbitmq.management import BrokerUnavailable, LoginRefused, Management, RequestRefused
from rabbitmq.topology import AGENT_USER, EXCHANGE, HELPDESK_USER, PROCESSOR_USER, QUEUE

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
PASSWORD_VARIABLES = {
    PROCESSOR_USER: "HEALTHMON_PROCESSOR_PASSWORD",
    HELPDESK_USER: "HEALTHMON_HELPDESK_PASSWORD",
    AGENT_USER: "HEALTHMON_AGENT_PASSWORD",
}

logger = logging.getLogger("rabbitmq.setup")


class BadSettings(Exception):
    """All that is wrong with the environment, one line each."""


@dataclass(frozen=True, slots=True)
class SetupSettings:
    """Whom to call, and the accounts' passwords by account name."""

    management: Management
    passwords: Mapping[str, str] = field(repr=False)


def read_settings(environment: Mapping[str, str]) -> SetupSettings:
    """Raises BadSettings naming every problem. An account without a configured password gets its name as password."""
    problems: list[str] = []
    admin = environment.get("HEALTHMON_RABBITMQ_ADMIN_USER", "guest")
    management = Management(
        host=environment.get("HEALTHMON_RABBITMQ_HOST", "127.0.0.1"),
        port=_port(environment, problems),
        user=admin,
        password=_secret(environment, "HEALTHMON_RABBITMQ_ADMIN_PASSWORD", admin, problems),
    )
    passwords = {user: _secret(environment, variable, user, problems) for user, variable in PASSWORD_VARIABLES.items()}
    if problems:
        raise BadSettings("\n".join(problems))
    return SetupSettings(management, passwords)


def _port(environment: Mapping[str, str], problems: list[str]) -> int:
    written = environment.get("HEALTHMON_RABBITMQ_MANAGEMENT_PORT", "15672")
    if not written.isascii() or not written.isdigit() or not 0 < int(written) < 65536:
        problems.append(f"HEALTHMON_RABBITMQ_MANAGEMENT_PORT is {written[:32]!r}, wanted is a port, 1 to 65535")
        return 0
    return int(written)


def _secret(environment: Mapping[str, str], variable: str, default: str, problems: list[str]) -> str:
    path = environment.get(f"{variable}_FILE")
    if path is None:
        return environment.get(variable) or default
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{variable}_FILE: {path} cannot be read: {error}")
        return default
    if not secret:
        problems.append(f"{variable}_FILE: {path} is empty")
    return secret


def set_up(settings: SetupSettings) -> None:
    """Once, against a broker that answers: the administrator, the accounts, the topology."""
    change = log_in(settings.management)
    if change:
        logger.info("%s", change)
    set_up_accounts(settings.management, settings.passwords)
    declare_topology(settings.management)


def wait_and_set_up(settings: SetupSettings, sleep: Callable[[float], None] = time.sleep) -> None:
    """As `set_up`, as often as it takes until the broker is there; says once that it waits."""
    for attempt, pause_seconds in enumerate(_pauses()):
        try:
            set_up(settings)
        except BrokerUnavailable as error:
            if attempt == 0:
                logger.info("waiting for the broker: %s", error)
            sleep(pause_seconds)
        else:
            return


def _pauses() -> Iterator[float]:
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        yield pause_seconds
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def main() -> int:
    """0 the broker is set up, 1 it refuses, 2 the settings are wrong."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        settings = read_settings(os.environ)
    except BadSettings as error:
        logger.error("The settings are wrong:\n%s", error)
        return 2
    try:
        wait_and_set_up(settings)
    except AdminRefused as error:
        logger.error("%s.\n%s", error, ADMIN_ADVICE)
        return 1
    except (TopologyDiffers, RequestRefused, LoginRefused) as error:
        logger.error("The broker cannot be set up: %s", error)
        return 1
    logger.info("broker set up: accounts %s; exchange %s; queue %s", ", ".join(settings.passwords), EXCHANGE, QUEUE)
    return 0


ADMIN_ADVICE = (
    "The broker keeps the administrator's password with its data. Put the one it was set up with into "
    "HEALTHMON_RABBITMQ_ADMIN_PASSWORD (.env), or set the new one on the broker's host with:\n"
    "  rabbitmqctl change_password guest <the password of .env>"
)
