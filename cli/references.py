"""How people name things on the command line: an incident (i/142), a length of time (2h)."""

import re

from cli.exits import ExitCode, Trouble

OTHERS = "Try: healthmon incidents --state all"
_INCIDENT = re.compile(r"(?:i/)?([1-9][0-9]{0,14})")
_LENGTH = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def stated(text: str, what: str) -> str:
    """The text without the blanks around it. Raises Trouble when nothing is left."""
    if not text.strip():
        raise Trouble(f"The {what} is empty: others would read nothing. Give one.", ExitCode.USAGE)
    return text.strip()


def incident_number(reference: str) -> int:
    """Of i/142 or 142. Raises Trouble."""
    found = _INCIDENT.fullmatch(reference)
    if found is None:
        raise Trouble(f"{reference!r} names no incident. Give its number, like i/142.", ExitCode.USAGE)
    return int(found[1])


def is_incident(reference: str) -> bool:
    """Whether it names an incident and not a host, whose name may be a number."""
    return reference.startswith("i/")


def length_seconds(text: str) -> int:
    """Of 90s, 30m, 2h or 7d. Raises Trouble."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise Trouble(f"{text!r} is no length of time. Give one like 30m, 2h or 7d.", ExitCode.USAGE)
    return int(found[1]) * _UNIT_SECONDS[found[2]]
