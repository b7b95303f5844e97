"""The frozen domain types that the programs share. Pure: no database, no clock.

Times are whole milliseconds since the Unix epoch (UTC) and end in `_ms`. `received_ms` is the processor's clock, every
other time of a record is the agent's own.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from health.machine import Reason, Standing
from health.state import URGENCY, State
from store.record_account import AccountChanges, EpochAccount, Gap

STALE_AFTER_INTERVALS = 3
STALE_AFTER_AT_LEAST_MS = 15_000
RETIRED = "retired"  # the reason of a goodbye that people said for a host that is gone
HUB = ""  # the agent id of what concerns no agent but the way of all their records
CLOCK_TOLERANCE_MS = 10_000  # a time further ahead than this was noted before the clock was set back, nobody knows when


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent as last seen. `epoch` and `seq` are the newest record folded into the present state."""

    agent_id: str
    host_name: str | None = None
    scope: str | None = None
    agent_version: str | None = None
    interval_ms: int = 5_000
    first_seen_ms: int
    last_seen_ms: int
    hello_ms: int | None = None  # receipt of the newest hello
    goodbye_ms: int | None = None  # receipt of the newest goodbye, None again after the next record
    goodbye_reason: str | None = None
    reply_to: str | None = None
    epoch: int = 0
    seq: int = 0
    last_assigned_seq: int = 0
    has_system_info: bool = False
    snapshot_ms: int | None = None  # with epoch and seq below: the newest snapshot's key
    snapshot_epoch: int | None = None
    snapshot_seq: int | None = None
    snapshot_received_ms: int | None = None
    instance: str = ""  # the run of the agent that holds the identity, with the first number that run gave
    instance_epoch: int = 0
    instance_seq: int = 0
    clock_offset_ms: int | None = None  # the processor's clock less the agent's, None while not measured
    group_name: str = ""  # with labels: what its settings say of the host
    labels: Mapping[str, str] = field(default_factory=dict)
    collectors: Sequence[str] = field(default_factory=list)  # the metric groups it measures, none: too old to choose
    collectors_told: bool = False  # by its group's word, not by its own file
    peer_host: str | None = None  # where its connection came from, as the broker saw it last
    is_blind: bool = False  # its newest snapshot lacks what a rule in force reads

    @property
    def is_retired(self) -> bool:
        return self.goodbye_ms is not None and self.goodbye_reason == RETIRED

    @property
    def has_metrics(self) -> bool:
        return self.snapshot_ms is not None

    @property
    def name(self) -> str:
        """What people call the host."""
        return self.host_name or self.agent_id

    @property
    def data_ms(self) -> int:
        """The receipt that freshness is judged by: the newest snapshot's or, before the first one, the last record's.

        What else an agent with metrics sends (results, late snapshots) says nothing about the host now.
        """
        return self.last_seen_ms if self.snapshot_received_ms is None else self.snapshot_received_ms

    def is_fresh(self, now_ms: int) -> bool:
        """Whether `data_ms` lies within the time after which silence counts (3 intervals, 15 s at least)."""
        return self._is_recent(self.data_ms, now_ms)

    def is_connected(self, now_ms: int) -> bool:
        """Whether it has not said goodbye and anything was received within that time."""
        return self.goodbye_ms is None and self._is_recent(self.last_seen_ms, now_ms)

    def is_streaming(self, now_ms: int) -> bool:
        return self.has_metrics and self.is_connected(now_ms) and self.is_fresh(now_ms)

    def _is_recent(self, at_ms: int, now_ms: int) -> bool:
        patience_ms = max(STALE_AFTER_INTERVALS * self.interval_ms, STALE_AFTER_AT_LEAST_MS)
        return -CLOCK_TOLERANCE_MS <= now_ms - at_ms <= patience_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSnapshot:
    """A snapshot as it is kept: numbers are 64-bit, `extra` is JSON with all that is not a reading."""

    agent_id: str
    epoch: int
    seq: int
    wall_ms: int
    received_ms: int
    readings: Mapping[str, float]
    extra: bytes | None = None

    @property
    def errors(self) -> Mapping[str, str]:
        """What was not measured, each with why."""
        return errors_in(self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """Any record that is not a snapshot, with the JSON it came in."""

    agent_id: str
    epoch: int
    seq: int
    kind: str
    wall_ms: int
    received_ms: int
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Bytes nobody could read, with why and where they came from."""

    received_ms: int
    routing_key: str
    message_id: str | None
    headers: Mapping[str, str]
    reason: str
    detail: str
    body: bytes


@dataclass(frozen=True, slots=True, order=True)
class CheckKey:
    """One rule applied to one thing: `subject` is the reading's labels, like `mount="/var"`, or empty."""

    agent_id: str
    rule: str
    subject: str


@dataclass(frozen=True, slots=True)
class Told:
    """What an open incident says of its check, and since when, by the clock that the check is judged by.

    Of one that was read from the store that is the corrected one.
    """

    value: float
    sentence: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Standing):
    """Where a check of an agent stands.

    `told` is no part of that, and kept with its incident: None where none was opened.
    """

    key: CheckKey
    told: Told | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do. `command` is shown to people verbatim; nothing runs it."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A known problem attached to an incident: `reason` says why it fits."""

    slug: str
    title: str
    confidence: str  # exact, likely or weak
    reason: str
    steps: Sequence[Step]
    verify: str | None = None
    captured: Mapping[str, str] = field(default_factory=dict)


class Change(StrEnum):
    """What happened to an incident: by itself, or, from ACKNOWLEDGED on, by people."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    FLAPPING = "flapping"
    SETTLED = "settled"
    RESTATED = "restated"  # the same in newer numbers: in its sentence, and not in its timeline
    CLOSED = "closed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    NOTED = "noted"
    MUTED = "muted"
    UNMUTED = "unmuted"
    NOTIFIED = "notified"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """One step in an incident's life, decided by the processor.

    At most one incident of a check is open at a time, so the check's key finds it. `sentence` is the state in words,
    computed here once and shown everywhere. `remedies` come with `OPENED` and stay. A change that `is_late` was found
    in late records: it is history and nobody is notified of it. `reason` is the state machine's, where a step of it is
    what happened; of anything else the sentence says why.
    """

    key: CheckKey
    change: Change
    severity: State
    at_ms: int
    received_ms: int
    epoch: int
    seq: int
    metric: str  # its name ends in the unit of `value` and `limit`
    value: float
    limit: float
    title: str
    sentence: str
    remedies: Sequence[Remedy] = ()
    is_late: bool = False
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """A past change of an incident, with its severity and value from then on.

    `author` is who made it, empty for the processor; `reason` is a `health.machine.Reason`, empty where it was no step
    of the state machine.
    """

    change: Change
    at_ms: int
    sentence: str
    severity: State
    value: float
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as it is read. `number` is in its permanent link, /i/142."""

    number: int
    key: CheckKey
    host_name: str | None
    severity: State
    title: str
    sentence: str
    metric: str
    value: float
    limit: float
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    remedies: Sequence[Remedy]
    timeline: Sequence[TimelineEntry] = ()
    acknowledged_ms: int | None = None
    acknowledged_by: str = ""
    flapping_since_ms: int | None = None
    is_late: bool = False  # found in late records only: nobody was notified
    severity_since_ms: int  # when the severity of now began


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcome:
    """How a command ended, as the agent's result record says."""

    command_id: str
    outcome: str
    detail: str
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All that one batch of deliveries changes, kept in one transaction or not at all.

    `agents`, `checks` and `accounts` are whole new rows, the last one of a key wins. `repeats` came under stored
    numbers: compared, never inserted. `redriven` are quarantined messages, by number, that this batch takes in,
    `retired` agents whose retirement it deals with.
    """

    agents: Sequence[Agent] = ()
    snapshots: Sequence[KeptSnapshot] = ()
    records: Sequence[KeptRecord] = ()
    systems: Mapping[str, bytes] = field(default_factory=dict)  # agent_id -> JSON of records.System
    quarantined: Sequence[Quarantined] = ()
    checks: Sequence[Check] = ()
    incidents: Sequence[IncidentChange] = ()
    outcomes: Sequence[CommandOutcome] = ()
    repeats: Sequence[KeptSnapshot | KeptRecord] = ()
    accounts: AccountChanges = field(default_factory=AccountChanges)
    redriven: Sequence[int] = ()
    retired: Sequence[str] = ()
    canary_sent_ms: int | None = None
    received_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBatch:
    """What the transaction found: how much was new, how much was there already, the numbers of changed incidents.

    `key_reused` went to quarantine: its key is kept with other content.
    """

    new_records: int
    duplicates: int
    incident_numbers: Mapping[CheckKey, int]
    key_reused: Sequence[Quarantined] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """What a processor must remember to go on: loaded once when it takes over, kept in step by its own batches.

    `unheard` are the checks whose open incident late records opened: nobody was notified of it. `withheld` are those in
    trouble that have no open incident, because what stands before their host explains them.
    """

    agents: Mapping[str, Agent]
    checks: Mapping[CheckKey, Check]
    unheard: Collection[CheckKey] = ()
    withheld: Collection[CheckKey] = ()
    accounts: Sequence[tuple[EpochAccount, Sequence[Gap]]] = ()  # gaps by rising first_seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The last canary that went from the exchange into the database."""

    sent_ms: int
    stored_ms: int


def agent_state(agent: Agent, worst_open: State | None, now_ms: int) -> State:
    """Worst of silence and open incidents: no data outranks a warning.

    Who never reported is waiting, and where not all is measured that rules read nobody knows: neither is green.
    """
    if agent.goodbye_ms is not None or not agent.is_fresh(now_ms):
        own = State.STALE
    elif not agent.has_metrics:
        own = State.WAITING
    else:
        own = State.UNKNOWN if agent.is_blind else State.OK
    return min((state for state in (own, worst_open) if state), key=URGENCY.__getitem__)


def errors_in(extra: bytes | None) -> Mapping[str, str]:
    """What a snapshot's `extra` says was not measured, each with why."""
    errors: Mapping[str, str] = json.loads(extra).get("errors", {}) if extra else {}
    return errors
