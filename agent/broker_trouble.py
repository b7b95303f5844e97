"""The driver's exceptions in words: why the broker is not there, and what an operator can do."""

import errno
import os
import socket
from dataclasses import dataclass

import pika.exceptions
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorPhaseErrorBase,
    AMQPConnectorStackTimeout,
)

from rabbitmq.connection import BrokerAddress
from rabbitmq.topology import EXCHANGE

NO_ROAD = (errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH)
ACCESS_REFUSED, NOT_FOUND, NOT_ALLOWED = 403, 404, 530


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no link. `advice` is empty when waiting is enough."""

    why: str
    advice: str = ""


def explain(error: BaseException, broker: BrokerAddress) -> Trouble:
    """Any exception of a connection or channel, in words that hold no secret."""
    cause = _innermost(error)
    if isinstance(cause, pika.exceptions.ConnectionClosed | pika.exceptions.ChannelClosed):
        return _closed(cause.reply_code, cause.reply_text, broker)
    if isinstance(cause, pika.exceptions.ProbableAuthenticationError | pika.exceptions.AuthenticationError):
        return _login_refused(broker)
    if isinstance(cause, pika.exceptions.ProbableAccessDeniedError):
        return Trouble(f"virtual host {broker.virtual_host!r} refused", "Check HEALTHMON_RABBITMQ_VIRTUAL_HOST.")
    return _network(cause, broker)


def _innermost(error: BaseException) -> BaseException:
    """The exception that started it, out of the wrappers of connecting."""
    if isinstance(error, AMQPConnectionWorkflowFailed):
        return _innermost(error.exceptions[-1])
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return _innermost(error.exception)
    if type(error) is pika.exceptions.AMQPConnectionError and error.args and isinstance(error.args[0], BaseException):
        return _innermost(error.args[0])
    return error


def _closed(code: int, text: str, broker: BrokerAddress) -> Trouble:
    if code == NOT_FOUND:
        return Trouble(f"exchange {EXCHANGE} is missing on {broker}", "Set the broker up: python -m rabbitmq setup")
    if code == ACCESS_REFUSED and "Login was refused" in text:
        return _login_refused(broker)
    if code in (ACCESS_REFUSED, NOT_ALLOWED):
        return Trouble(f"{broker} refused: {text[:120]}", "Check this account's permissions on the broker.")
    return Trouble(f"{broker} closed the connection: {text[:120]}")


def _login_refused(broker: BrokerAddress) -> Trouble:
    return Trouble(
        f"login refused for user {broker.user!r} at {broker}",
        "Check HEALTHMON_RABBITMQ_USER and HEALTHMON_RABBITMQ_PASSWORD.",
    )


def _network(cause: BaseException, broker: BrokerAddress) -> Trouble:
    if isinstance(cause, socket.gaierror):
        return Trouble(f"name not found {broker}", "Check HEALTHMON_RABBITMQ_HOST.")
    if isinstance(cause, ConnectionRefusedError):
        return Trouble(f"connection refused {broker}")
    if isinstance(cause, TimeoutError | AMQPConnectorStackTimeout):
        return Trouble(f"no answer from {broker}")
    if isinstance(cause, pika.exceptions.IncompatibleProtocolError):
        return Trouble(f"{broker} hangs up at once; it is still starting, or no RabbitMQ")
    if isinstance(cause, pika.exceptions.AMQPHeartbeatTimeout):
        return Trouble(f"{broker} went silent")
    if isinstance(cause, pika.exceptions.ConnectionBlockedTimeout):
        return Trouble(f"{broker} took no messages for too long")
    if isinstance(cause, pika.exceptions.StreamLostError):
        return Trouble(f"{broker} went silent" if "timed out" in str(cause) else f"connection lost {broker}")
    if isinstance(cause, OSError) and cause.errno in NO_ROAD:
        return Trouble(f"{os.strerror(cause.errno).lower()} {broker}", "Check this host's interfaces and routes.")
    return Trouble(f"connection lost {broker}: {type(cause).__name__}")
