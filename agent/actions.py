"""Which of the host's own actions a hard change of a check calls for, and why another is not run."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import msgspec

from agent.action_settings import EVERY_CHECK, ActionSetting
from agent.local_state import HardChange
from agent.program_safety import why_unsafe
from health.state import State


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How often an action was begun for a check since that was ok last, and when the last time (Unix seconds)."""

    action: str
    rule: str
    subject: str
    attempts: int
    last_seconds: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.action, self.rule, self.subject


@dataclass(frozen=True, slots=True)
class Refused:
    """An action that the change calls for and that is not run; `reason` is for people."""

    action: str
    reason: str


TriedBy = Mapping[tuple[str, str, str], Tried]
"""What was tried, by action, rule and subject."""


def called_for(
    actions: Iterable[ActionSetting], change: HardChange, tried: TriedBy, now_seconds: float
) -> tuple[Sequence[tuple[ActionSetting, Tried]], Sequence[Refused]]:
    """The actions to run with how often they were tried then, this time included.

    1. An action is meant when it names the check (or all of them) and the state. An unknown state is never acted on: a
       check that could not be made says nothing of the host.
    2. While the check flaps nothing is done: an action that makes it change would go on for ever.
    3. At most `attempts` times until the check is ok again, and not within the cool-down of the time before.
    4. One that was run and is meant for ok, too, is told the end at once; that is no attempt.
    """
    to_run: list[tuple[ActionSetting, Tried]] = []
    refused: list[Refused] = []
    for action in actions:
        if not _is_meant(action, change):
            continue
        before = tried.get((action.name, *change.place))
        if why_not := _refusal(action, change, before, now_seconds):
            refused.append(Refused(action.name, why_not))
            continue
        rule, subject = change.place
        attempts = 0 if change.standing.state is State.OK else 1 + (before.attempts if before else 0)
        now_tried = Tried(action=action.name, rule=rule, subject=subject, attempts=attempts, last_seconds=now_seconds)
        to_run.append((action, now_tried))
    return to_run, refused


def _is_meant(action: ActionSetting, change: HardChange) -> bool:
    if change.standing.state is State.UNKNOWN or change.standing.state.value not in action.states:
        return False
    return EVERY_CHECK in action.checks or change.check in action.checks


def _refusal(action: ActionSetting, change: HardChange, before: Tried | None, now_seconds: float) -> str | None:
    if change.standing.flapping_since_ms is not None:
        return "the check changes too often"
    if before is None or (before.attempts and change.standing.state is State.OK):
        return None
    if before.attempts >= action.attempts:
        return f"it was run {before.attempts} times since the check was ok last"
    cool_seconds = before.last_seconds + action.cooldown_seconds - now_seconds
    if 0 < cool_seconds <= action.cooldown_seconds:
        return f"it cools down for {cool_seconds:.0f} s more"
    return None


def environment_of(action: ActionSetting, change: HardChange, attempt: int) -> dict[str, str]:
    """The variables of its own settings, and what it is to know of the change."""
    value = "" if change.value is None else f"{change.value:.15g}"
    return action.environment | {
        "HEALTHMON_STATE": change.standing.state.value,
        "HEALTHMON_PREVIOUS_STATE": change.before.value,
        "HEALTHMON_CHECK": change.check,
        "HEALTHMON_SUBJECT": change.place[1],
        "HEALTHMON_VALUE": value,
        "HEALTHMON_ATTEMPT": str(attempt),
        "HEALTHMON_SENTENCE": change.sentence.replace("\0", ""),
    }


def problems_of(actions: Sequence[ActionSetting], known_checks: Set[str], file: str) -> list[str]:
    """A sentence for each action of the settings' file whose command is not safe to run, and for each check that is
    neither a rule that hosts judge themselves nor an active check: it would never call for the action."""
    found = ((action, why_unsafe(action.command[0])) for action in actions)
    unsafe = [f"{file}: actions ({action.name}).command: {why_not}." for action, why_not in found if why_not]
    known = ", ".join(sorted(known_checks))
    unknown = [
        f"{file}: actions ({action.name}).checks: no check is called {name!r} here. There are: {known}."
        for action in actions
        for name in action.checks
        if name != EVERY_CHECK and name not in known_checks
    ]
    return unsafe + unknown
