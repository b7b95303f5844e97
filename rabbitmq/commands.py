"""What the help desk may ask of one agent; it travels to that agent's reply address (direct reply-to).

A command changes nothing on the host but how its agent reports: `poll` is "report now", `configure` sets how often
(argument `interval_seconds`: from 1 to 300) and what (argument `collectors`: names of metric groups, one at least).
Null is what the agent's settings say; an argument that is not given changes nothing. Kinds that act will be signed.
"""

from typing import Any

import msgspec

from rabbitmq.records import AgentId, ShortText

COMMAND_TYPE = "healthmon.command.v1"
KINDS = ("poll", "configure")


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A request with an audience and an end: `expires_seconds` is Unix time, UTC. `arguments` are the kind's."""

    version: int = 1
    command_id: ShortText
    agent_id: AgentId
    kind: ShortText
    issued_seconds: float
    expires_seconds: float
    arguments: dict[str, Any] = {}


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Command)


def encode_command(command: Command) -> bytes:
    return _encoder.encode(command)


def decode_command(body: bytes) -> Command:
    """Raises ValueError (msgspec's errors are ValueErrors) for anything that is not a command of this version."""
    try:
        command = _decoder.decode(body)
    except RecursionError as error:
        raise ValueError("nested deeper than any command is") from error
    if command.version != 1:
        raise ValueError(f"command version {command.version}, this program reads 1")
    return command
