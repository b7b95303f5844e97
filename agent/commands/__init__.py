"""The kinds of commands this agent obeys: this table is the allow list."""

from collections.abc import Mapping
from types import MappingProxyType

from agent.commands import configure, poll
from agent.commands.command import CommandKind

COMMANDS: Mapping[str, CommandKind] = MappingProxyType({"poll": poll.run, "configure": configure.run})
