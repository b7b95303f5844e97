"""Placeholders of steps: `{mount}` or `{mount=/}` becomes the captured value, safely quoted in commands.

A placeholder without value and default is shown in capitals, `MOUNT`, as manual pages do.
"""

import re
import shlex
from collections.abc import Callable, Mapping

from knowledge.model import Step

_NO_OPERAND = ("-", "!", "(", ")", ",")  # options, and what `find` takes for an expression
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?:=([^{}\n]*))?\}")


def placeholder_names(template: str) -> frozenset[str]:
    """The names a template asks for."""
    return frozenset(found[1] for found in _PLACEHOLDER.finditer(template))


def fill_step(step: Step, values: Mapping[str, str]) -> Step:
    """Put values into a step; in its command each value is quoted for the shell."""
    return Step(fill_text(step.text, values), fill_command(step.command, values) if step.command else None)


def fill_command(template: str, values: Mapping[str, str]) -> str:
    """Put values into a command, each quoted so that it stays one word, and none of them an option of the command."""
    return _fill(template, values, lambda value: shlex.quote(f"./{value}" if value.startswith(_NO_OPERAND) else value))


def fill_text(template: str, values: Mapping[str, str]) -> str:
    """Put values into a sentence as they are."""
    return _fill(template, values, str)


def _fill(template: str, values: Mapping[str, str], write: Callable[[str], str]) -> str:
    def value_of(placeholder: re.Match[str]) -> str:
        name, default = placeholder[1], placeholder[2]
        if name in values:
            return write(values[name])
        return default if default is not None else name.upper()

    return _PLACEHOLDER.sub(value_of, template)
