"""Sending a command to an agent: noted in the store first, so that its end can be found again."""

import queue
import secrets
from collections.abc import Mapping
from typing import Any

from helpdesk_api.desk import Desk
from rabbitmq.commands import Command
from rabbitmq.connection import REPLY_ADDRESS
from store import commands
from store.engine import transaction
from store.model import Agent

EXPIRES_AFTER_MS = 30_000


class NotSent(Exception):
    """The command cannot be sent; the message says why, as a sentence."""


def is_addressable(agent: Agent) -> bool:
    """Whether it told a reply address: any other name could be a queue of someone else."""
    return (agent.reply_to or "").startswith(f"{REPLY_ADDRESS}.")


def send_command(desk: Desk, agent: Agent, kind: str, arguments: Mapping[str, Any]) -> Command:
    """Raises NotSent."""
    if not is_addressable(agent):
        raise NotSent(f"{agent.name} has not told its reply address; it does with its next message.")
    now_ms = desk.now_ms()
    command = Command(
        command_id=secrets.token_hex(16),
        agent_id=agent.agent_id,
        kind=kind,
        issued_seconds=now_ms / 1000,
        expires_seconds=(now_ms + EXPIRES_AFTER_MS) / 1000,
        arguments=dict(arguments),
    )
    with transaction(desk.engine) as connection:
        commands.add(
            connection,
            command_id=command.command_id,
            agent_id=agent.agent_id,
            kind=kind,
            created_ms=now_ms,
            expires_ms=now_ms + EXPIRES_AFTER_MS,
        )
    try:
        desk.sender.send(agent.reply_to or "", command)
    except queue.Full:
        raise NotSent("The broker is away and too many commands wait for it. /readyz says more.") from None
    return command
