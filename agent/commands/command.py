"""What a kind of command is, and the checks that each command passes first."""

from collections.abc import Callable, Container
from typing import Protocol

from rabbitmq.commands import Command


class Commandable(Protocol):
    """What a command may do with the agent."""

    def report_now(self) -> None: ...


CommandKind = Callable[[Commandable], str]
"""Does it and returns what was done in one sentence; an exception means that it failed."""


def refusal(command: Command, *, agent_id: str, known_kinds: Container[str], now_seconds: float) -> str | None:
    """Why this command is not obeyed, or None. `now_seconds` is Unix time."""
    if command.agent_id != agent_id:
        return f"it is for agent {command.agent_id}, this is {agent_id}"
    if now_seconds >= command.expires_seconds:
        return f"it expired {now_seconds - command.expires_seconds:.0f} s ago by this host's clock"
    if command.kind not in known_kinds:
        return f"kind {command.kind!r} is not allowed here"
    return None
