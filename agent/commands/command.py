"""What a kind of command is, and the checks that each command passes first."""

from collections.abc import Callable, Container, Mapping
from typing import Any, Protocol

from rabbitmq.commands import Command

Arguments = Mapping[str, Any]


class Commandable(Protocol):
    """What a command may do with the agent."""

    def report_now(self) -> None: ...

    def report_every(self, interval_seconds: float | None) -> str:
        """From now on, None as its settings say; returns in one sentence what is in force. Raises OSError."""

    def report_only(self, collectors: tuple[str, ...] | None) -> str:
        """These metric groups from now on, None as its settings say; returns what is in force. Raises OSError."""


class Refused(Exception):
    """The arguments are none that this kind of command has; the text says why."""


CommandKind = Callable[[Commandable, Arguments], str]
"""Does it and returns what was done in one sentence; Refused when it may not, another exception when it failed."""


def refusal(command: Command, *, agent_id: str, known_kinds: Container[str], now_seconds: float) -> str | None:
    """Why this command is not obeyed, or None. `now_seconds` is Unix time."""
    if command.agent_id != agent_id:
        return f"it is for agent {command.agent_id}, this is {agent_id}"
    if now_seconds >= command.expires_seconds:
        return f"it expired {now_seconds - command.expires_seconds:.0f} s ago by this host's clock"
    if command.kind not in known_kinds:
        return f"kind {command.kind!r} is not allowed here"
    return None
