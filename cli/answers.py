"""What the help desk answers, as far as the terminal shows it; fields that it does not know are left alone.

Times are RFC 3339 in UTC.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cli.exits import ExitCode, Trouble

Shape = TypeVar("Shape")
URGENCY = ("critical", "stale", "warning", "unknown", "waiting", "muted", "ok")


def rank(state: str) -> int:
    """What needs somebody first comes first; a state of a newer help desk comes before all."""
    return URGENCY.index(state) if state in URGENCY else -1


@dataclass(frozen=True, slots=True)
class Host:
    """One agent and the host it reports; `name` is what people call it.

    `clock_offset_seconds` is above 0 when its clock is behind. `errors` is what the agent could not do, each with why,
    `switched_off` what it is not to measure, each with where that was said.
    `behind` is the trouble in front that explains the host's own, with its incident; empty when there is none.
    """

    agent_id: str
    name: str
    state: str
    sentence: str
    last_seen: str
    interval_seconds: float
    scope: str
    version: str
    clock_offset_seconds: float | None
    errors: Mapping[str, str]
    switched_off: Mapping[str, str]
    url: str
    behind: str
    retired: bool


@dataclass(frozen=True, slots=True)
class Step:
    text: str
    command: str | None


@dataclass(frozen=True, slots=True)
class Fix:
    """A known problem that fits, with what to do. `lines` are those of an explained text."""

    slug: str
    title: str
    confidence: str
    reason: str
    captured: Mapping[str, str]
    steps: tuple[Step, ...]
    verify: str
    meaning: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Event:
    time: str
    change: str
    sentence: str
    author: str


@dataclass(frozen=True, slots=True)
class Incident:
    """`closed` is None while it is open, `agent_id` where no host stands behind it. `reading` is what it is about.

    `acknowledged_by` and `muted`, until when and why, are empty while it is neither.
    """

    number: int
    agent_id: str | None
    host: str
    severity: str
    sentence: str
    reading: str
    opened: str
    closed: str | None
    acknowledged_by: str
    muted: str
    fixes: tuple[Fix, ...]
    timeline: tuple[Event, ...]
    url: str


def read(make: Callable[[Any], Shape], answer: Any) -> Shape:
    """What `make` makes of the answer. Raises Trouble when the answer has not the shape for it."""
    try:
        return make(answer)
    except (KeyError, TypeError) as error:
        told = f"The help desk's answer is not understood ({_lack(error)}): it is of another version than this program."
        raise Trouble(f"{told} Install the same version on both.", ExitCode.UNREACHABLE) from None


def _lack(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else "a value of it is of another kind"


def host(answer: Mapping[str, Any]) -> Host:
    return Host(
        agent_id=answer["agent_id"],
        name=answer["host_name"] or answer["agent_id"],
        state=answer["state"],
        sentence=answer["sentence"],
        last_seen=answer["last_seen"],
        interval_seconds=answer["interval_seconds"],
        scope=answer["scope"] or "host",
        version=answer["version"] or "of unknown version",
        clock_offset_seconds=answer["clock_offset_seconds"],
        errors=answer["errors"],
        switched_off=answer.get("switched_off", {}),  # an older help desk knows of none
        url=answer["url"],
        behind=answer.get("behind", ""),
        retired=answer.get("retired", False),
    )


def fix(answer: Mapping[str, Any]) -> Fix:
    """A remedy of an incident or a match of an explained text."""
    return Fix(
        slug=answer["slug"],
        title=answer["title"],
        confidence=answer["confidence"],
        reason=answer["reason"],
        captured=answer["captured"],
        steps=tuple(Step(step["text"], step["command"]) for step in answer["steps"]),
        verify=answer["verify"] or "",
        meaning=answer.get("meaning", ""),
        lines=tuple(answer.get("lines", ())),
    )


def incident(answer: Mapping[str, Any]) -> Incident:
    return Incident(
        number=answer["number"],
        agent_id=answer["agent_id"],
        host=answer["host_name"] or answer["agent_id"],
        severity=answer["severity"],
        sentence=answer["sentence"],
        reading=f"{answer['metric']}{{{answer['subject']}}}" if answer["subject"] else answer["metric"],
        opened=answer["opened"],
        closed=answer["closed"],
        acknowledged_by=(answer["acknowledged"] or {"author": ""})["author"],
        muted=(answer["muted"] or {"sentence": ""})["sentence"],
        fixes=tuple(fix(remedy) for remedy in answer["remedies"]),
        timeline=tuple(_event(event) for event in answer["timeline"]),
        url=answer["url"],
    )


def _event(answer: Mapping[str, Any]) -> Event:
    return Event(answer["time"], answer["change"], answer["sentence"], answer["author"])


def worst_first(incidents: list[Incident]) -> list[Incident]:
    """Open ones before closed ones; of the open ones the most urgent, of equals the oldest first."""
    open_ones = sorted(
        (one for one in incidents if one.closed is None), key=lambda one: (rank(one.severity), one.number)
    )
    return open_ones + sorted((one for one in incidents if one.closed is not None), key=lambda one: -one.number)
