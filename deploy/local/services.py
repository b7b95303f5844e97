"""What the local stack consists of: its services in the order of their start, and the one-shots between them."""

import http.client
import re
import sys

from deploy.local.broker import EVERYWHERE, LOOPBACK
from deploy.local.child import Service
from deploy.local.settings import ROOT, LocalSettings
from rabbitmq.topology import AGENT_USER, HELPDESK_USER, PROCESSOR_USER

NAMES = ("agent", "processor", "helpdesk", "rabbitmq", "setup", "migrate", "preflight", "epmd")
# the broker's log file holds all; whoever watches needs to see errors and alarms
_WORTH_SHOWING = re.compile(r"\[(?:error|critical|alert|emergency)\]|alarm")
_COLOUR_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def epmd(settings: LocalSettings) -> Service:
    plan = settings.broker
    return Service(
        "epmd",
        plan.epmd_command(),
        plan.environment(),
        plan.folder,
        usable=plan.epmd_is_usable,
        shown=lambda _line: None,
    )


def rabbitmq(settings: LocalSettings) -> Service:
    plan = settings.broker
    return Service(
        "rabbitmq",
        plan.server_command(),
        plan.environment(),
        plan.folder,
        needs=plan.epmd_is_usable,  # without one the broker would start its own, which outlives it
        usable=plan.broker_is_usable,
        shown=broker_line,
    )


def broker_line(line: str) -> str | None:
    """Errors and alarms, without the broker's own colours."""
    return _COLOUR_SEQUENCE.sub("", line) if _WORTH_SHOWING.search(line) else None


def one_shot(name: str, settings: LocalSettings, *arguments: str) -> Service:
    return Service(name, [sys.executable, "-m", *arguments], settings.setup_environment(), ROOT)


def helpdesk(settings: LocalSettings) -> Service:
    command = [sys.executable, "-m", "helpdesk_api"]
    environment = settings.program_environment(HELPDESK_USER)
    return Service("helpdesk", command, environment, ROOT, usable=lambda: answers(settings))


def processor(settings: LocalSettings) -> Service:
    return Service("processor", [sys.executable, "-m", "processor"], settings.program_environment(PROCESSOR_USER), ROOT)


def agent(settings: LocalSettings) -> Service:
    return Service("agent", [sys.executable, "-m", "agent", "run"], settings.program_environment(AGENT_USER), ROOT)


def helpdesk_host(settings: LocalSettings) -> str:
    """Where this machine reaches the help desk."""
    return LOOPBACK if settings.bind == EVERYWHERE else settings.bind


def answers(settings: LocalSettings) -> bool:
    """Whether the help desk serves requests."""
    connection = http.client.HTTPConnection(helpdesk_host(settings), settings.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
