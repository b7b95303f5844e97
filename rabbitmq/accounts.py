"""The broker's accounts: made, and brought back to what topology.py says, through the management API."""

from collections.abc import Mapping
from dataclasses import replace

from rabbitmq.management import LoginRefused, Management
from rabbitmq.topology import EXCHANGE, PERMISSIONS

GUEST = "guest"  # RabbitMQ's own first administrator, with its name as password


class AdminRefused(Exception):
    """Neither the configured password nor the first one opens the administrator's account."""


def log_in(management: Management) -> str | None:
    """Make sure the configured administrator can log in; returns what had to be changed for it.

    A broker that was started before its password was configured still has guest's first one: it is replaced.
    """
    try:
        management.call("GET", "whoami")
    except LoginRefused as error:
        if management.user != GUEST or not _replace_first_password(management):
            raise AdminRefused(str(error)) from error
        return "guest's first password is replaced by the configured one"
    return None


def _replace_first_password(management: Management) -> bool:
    try:
        replace(management, password=GUEST).call(
            "PUT", "users", GUEST, body={"password": management.password, "tags": "administrator"}
        )
    except LoginRefused:
        return False
    return True


def set_up_accounts(management: Management, passwords: Mapping[str, str]) -> None:
    """Give every account of topology.PERMISSIONS its password and its rights, no more; safe to repeat."""
    for user, rights in PERMISSIONS.items():
        management.call("PUT", "users", user, body={"password": passwords[user], "tags": ""})
        allowed = {"configure": rights.configure, "write": rights.write, "read": rights.read}
        management.call("PUT", "permissions", management.virtual_host, user, body=allowed)
        if rights.topic_write is not None:
            topics = {"exchange": EXCHANGE, "write": rights.topic_write, "read": "^$"}
            management.call("PUT", "topic-permissions", management.virtual_host, user, body=topics)
