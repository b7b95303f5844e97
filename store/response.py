"""Frozen domain types of the answer to incidents: who is told, who is not, and what stands behind what. Pure.

Times are whole milliseconds since the Unix epoch (UTC) and end in `_ms`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class NoticeKind(StrEnum):
    """What a notice tells of an incident. On each channel a RECOVERY follows exactly one delivered PROBLEM."""

    PROBLEM = "problem"
    WORSE = "worse"
    FLAPPING = "flapping"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    RECOVERY = "recovery"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message about one incident to one channel: in the outbox until it is delivered, dead or cancelled.

    `payload` is what it says, computed when it was decided. Whoever sends it holds its lease; `dedup_key` is the same
    however often it is decided or sent, so that receivers can tell a second copy. No incident stands behind a test.
    """

    notice_no: int
    number: int | None
    channel: str
    kind: NoticeKind
    dedup_key: str
    created_ms: int
    due_ms: int
    payload: Mapping[str, object] = field(default_factory=dict)
    attempts: int = 0
    leased_until_ms: int | None = None
    delivered_ms: int | None = None
    dead_ms: int | None = None
    cancelled_ms: int | None = None
    why: str = ""  # it is cancelled, or what the last attempt met


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """A time that comes back: on `weekdays` (0 is Monday) from `starts` ("22:00") for so many minutes."""

    weekdays: Sequence[int]
    starts: str
    minutes: int
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Whom nobody wants to hear of for a while, why and who said so; a downtime is a mute with a time of its own.

    What is None restricts nothing: a mute with an `agent_id` alone is of the whole host. It is in force from
    `starts_ms` to `ends_ms`, or in each `weekly` window between them (None: for ever), until it is lifted.
    """

    mute_no: int
    reason: str
    author: str
    created_ms: int
    starts_ms: int
    ends_ms: int | None
    number: int | None = None
    agent_id: str | None = None
    rule: str | None = None
    subject: str | None = None
    group_name: str | None = None
    weekly: Weekly | None = None
    lifted_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """While the parent (a host or, with a rule, one of its checks) is in trouble, the agent's opens no incident and
    nobody hears of it."""

    dependency_no: int
    agent_id: str
    parent_agent_id: str
    parent_rule: str | None = None
    parent_subject: str | None = None
    reason: str = ""
    author: str = ""
    created_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSetting:
    """What the agents of a group are told; None leaves them what their own files say."""

    group_name: str
    interval_seconds: float | None = None
    collectors: Sequence[str] | None = None
    updated_ms: int = 0
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """A user's rule file as it was when it could last be read."""

    name: str
    content: str
    loaded_ms: int
