"""A message as people read it: a title, and a text with what to do first and where to look."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from health.state import URGENCY, State
from processor.notifiers.notifier import Message
from processor.silence.sentences import span
from store.response import Notice, NoticeKind

MOST_AS_TEXT = 20  # notices: more in one text nobody reads
MOST_HOSTS_IN_TITLE = 3
_SHORTER = ((1_000, 1_000), (500, 500), (250, 250), (120, 120), (60, 60), (60, 0), (30, 0), (0, 0))
"""How many characters title and sentence have at most, and how many the step and its command, the longest first."""
_STATES: Mapping[NoticeKind, str] = {
    NoticeKind.PROBLEM: "{}",
    NoticeKind.WORSE: "worse: {}",
    NoticeKind.FLAPPING: "flapping: {}",
    NoticeKind.REMINDER: "still {}",
    NoticeKind.ESCALATION: "nobody looks after it: {}",
    NoticeKind.RECOVERY: "resolved",
    NoticeKind.TEST: "test",
}
_PAST: Mapping[str, str] = {"is": "was", "are": "were", "has": "had", "have": "had", "do": "did", "does": "did"}


def title(message: Message) -> str:
    """One line: "CRITICAL web-1: disk /var is almost full", "RESOLVED web-1: disk /var was almost full for 14 min", or
    a family: "CRITICAL disk-usage on 12 hosts: web-1, ..."."""
    families = _families(message.notices)
    first = message.notices[0]
    if len(message.notices) == 1:
        what = ": ".join(word for word in (_text(first, "host"), headline(first)) if word)
        return f"{_state(first)} {what or 'healthmon'}"
    if len(families) == 1:
        return f"{_state(_worst(message.notices))} {_family(message.notices, MOST_HOSTS_IN_TITLE)}"
    return f"{_state(_worst(message.notices))} and more: {len(message.notices)} notices"


def text(message: Message) -> str:
    """Each family's line where there are several notices, then each notice with its first step and its link."""
    lines: list[str] = []
    if len(message.notices) > 1:
        families = _families(message.notices).values()
        lines += [*(f"{_state(_worst(its))} {_family(its, len(its))}" for its in families), ""]
    for notice in message.notices:
        lines += [*_in_full(notice), ""]
    return "\n".join(lines).rstrip()


def fitted(message: Message, fits: Callable[[str, str], bool]) -> tuple[str, str]:
    """Title and text, shortened in their long parts until they fit, in the end to the state and the links alone.

    A command is whole or left out: half of one may do anything.
    """
    for shorter in (message, *(_shortened(message, *most) for most in _SHORTER)):
        words = title(shorter), text(shorter)
        if fits(*words):
            return words
    return _state(_worst(message.notices)), "\n".join(_text(notice, "url") for notice in message.notices)


def headline(notice: Notice) -> str:
    """The incident's title, of a recovery as something that was: "disk / was almost full for 14 min"."""
    now = _text(notice, "title")
    if notice.kind is not NoticeKind.RECOVERY or not now:
        return now
    words = now.split(" ")
    verb = next((place for place, word in enumerate(words) if word in _PAST), None)
    lasted = _lasted(notice)
    if verb is None:  # whose verb is not known, or has none, like "no data"
        return f"{now} (it lasted {lasted})" if lasted else f"{now} (it is over)"
    past = " ".join([*words[:verb], _PAST[words[verb]], *words[verb + 1 :]])
    return f"{past} for {lasted}" if lasted else past


def line(notice: Notice) -> str:
    """One notice in one line, with its first step and its link."""
    return "  ".join(map(str.strip, _in_full(notice)))


def severity(notices: Sequence[Notice]) -> State:
    """The worst of them, ok when all are over or are tests."""
    bad = [
        State(_text(notice, "severity"))
        for notice in notices
        if notice.kind not in (NoticeKind.RECOVERY, NoticeKind.TEST)
    ]
    return min(bad, key=URGENCY.__getitem__, default=State.OK)


def _shortened(message: Message, most_said: int, most_step: int) -> Message:
    return Message([replace(notice, payload=_clipped(notice, most_said, most_step)) for notice in message.notices])


def _clipped(notice: Notice, most_said: int, most_step: int) -> Mapping[str, object]:
    command = _text(notice, "command")
    return {
        **notice.payload,
        "title": _clip(_text(notice, "title"), most_said),
        "sentence": _clip(_text(notice, "sentence"), most_said),
        "step": _clip(_text(notice, "step"), most_step),
        "command": command if len(command) <= most_step else "",
    }


def _clip(words: str, most_characters: int) -> str:
    if len(words) <= most_characters:
        return words
    return f"{words[:most_characters].rstrip()}..." if most_characters else ""


def _lasted(notice: Notice) -> str:
    """Empty when one of its ends is not known."""
    opened_ms, closed_ms = notice.payload.get("opened_ms"), notice.payload.get("closed_ms")
    return span(closed_ms - opened_ms) if isinstance(opened_ms, int) and isinstance(closed_ms, int) else ""


def _in_full(notice: Notice) -> list[str]:
    host = _text(notice, "host")
    words = f"{host} -> {_state(notice)}" if host else _state(notice)
    lines = [f"{words}  {_text(notice, 'sentence')}".rstrip()]
    if (step := _text(notice, "step")) and notice.kind is not NoticeKind.RECOVERY:
        lines.append(f"First step: {step}")
        if command := _text(notice, "command"):
            lines.append(f"    {command}")
    return [*lines, _text(notice, "url")] if _text(notice, "url") else lines


def _families(notices: Sequence[Notice]) -> Mapping[tuple[NoticeKind, str], Sequence[Notice]]:
    """Those of one kind and one rule, in the order in which they come."""
    families: dict[tuple[NoticeKind, str], list[Notice]] = defaultdict(list)
    for notice in notices:
        families[notice.kind, _text(notice, "rule")].append(notice)
    return families


def _family(notices: Sequence[Notice], most: int) -> str:
    """Several of one rule: "disk-usage on 12 hosts: web-1, web-2 and 10 more"."""
    hosts = list(dict.fromkeys(_text(notice, "host") for notice in notices))
    named = ", ".join(hosts[:most])
    more = f" and {len(hosts) - most} more" if len(hosts) > most else ""
    times = "" if len(notices) == len(hosts) else f", {len(notices)} of them"
    on = "1 host" if len(hosts) == 1 else f"{len(hosts)} hosts"
    return f"{_text(notices[0], 'rule')} on {on}{times}: {named}{more}"


def _worst(notices: Sequence[Notice]) -> Notice:
    return min(notices, key=lambda notice: URGENCY[severity([notice])])


def _state(notice: Notice) -> str:
    return _STATES[notice.kind].format(_text(notice, "severity")).upper()


def _text(notice: Notice, key: str) -> str:
    return str(notice.payload.get(key) or "")
