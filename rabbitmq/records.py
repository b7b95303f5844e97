"""The records an agent produces: the unit that is stored or named as lost.

A record is identified by `(agent_id, epoch, seq)`. `seq` starts at 1 and has no gaps within an epoch; an agent opens a
higher epoch when its spool was lost or replaced. All times are seconds as floats: `wall_seconds` since the Unix epoch
(UTC), `boot_seconds` since the host's boot (CLOCK_BOOTTIME), which orders records of one boot without the wall clock.
"""

from typing import Annotated, Any, Literal

import msgspec

LARGEST_EXACT_INTEGER = 2**53 - 1  # JSON readers in JavaScript keep no more than this
LARGEST_STORED_INTEGER = 2**63 - 1  # of 64 bits: network file systems tell that they have 8 EiB

AgentId = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,64}$")]
Ordinal = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_EXACT_INTEGER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_EXACT_INTEGER)]
StorageBytes = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_STORED_INTEGER)]
ExitCode = Annotated[int, msgspec.Meta(ge=-LARGEST_EXACT_INTEGER, le=LARGEST_EXACT_INTEGER)]  # below 0: the signal
LONGEST_NAME = 256

ShortText = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
Sentence = Annotated[str, msgspec.Meta(max_length=4096)]
Scope = Literal["host", "container"]
# The decoder shares names among snapshots when it need not measure them; `message.decode` measures them.
Readings = Annotated[dict[str, float], msgspec.Meta(extra_json_schema={"propertyNames": {"maxLength": LONGEST_NAME}})]
LossReason = Literal["full", "thinned", "age", "disk", "oversize", "corrupt", "released"]


class RecordKey(msgspec.Struct, frozen=True, order=True):
    """What makes a record unique and a second copy of it harmless."""

    agent_id: str
    epoch: int
    seq: int


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every record has, whatever it tells."""

    agent_id: AgentId
    epoch: Ordinal
    seq: Ordinal
    boot_id: ShortText
    wall_seconds: float
    boot_seconds: float

    @property
    def key(self) -> RecordKey:
        return RecordKey(self.agent_id, self.epoch, self.seq)


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an active check saw at `wall_seconds`: `output` is for people, its performance data are readings.

    The state counts after `attempts` observations in a row. A check that could not be made, or timed out, is unknown.
    """

    name: ShortText
    kind: ShortText
    state: Literal["ok", "warning", "critical", "unknown"]
    output: Sentence
    wall_seconds: float
    duration_seconds: float
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class Snapshot(Record, frozen=True, kw_only=True, tag="snapshot"):
    """One collection: readings by name with labels, like `disk.usage_percent{mount="/var"}`.

    `errors` maps a collector's name to why it gave no readings this time. `checks` are the active checks that ended
    since the last snapshot; one that changed its state sends a snapshot out of turn (`trigger`). `switched_off` are the
    metric groups that this host is not to measure: their readings are missing on purpose.
    """

    readings: Readings
    interval_seconds: float
    scope: Scope
    errors: dict[ShortText, Sentence] = {}
    trigger: Literal["interval", "poll", "check"] = "interval"
    checks: list[CheckResult] = []
    switched_off: list[ShortText] = []


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """The CPU of the host."""

    model: ShortText | None = None
    physical_cores: Count | None = None
    logical_cores: Count | None = None
    max_frequency_hertz: float | None = None
    features: list[ShortText] = []


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A block device."""

    name: ShortText
    size_bytes: StorageBytes | None = None
    model: ShortText | None = None
    rotational: bool | None = None


class Filesystem(msgspec.Struct, frozen=True, kw_only=True):
    """A mounted file system; `mount` is the path on the host, never inside the agent's container."""

    mount: ShortText
    device: ShortText
    kind: ShortText
    size_bytes: StorageBytes | None = None


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface with its addresses (IPv4 and IPv6, without prefix length)."""

    name: ShortText
    mac: ShortText | None = None
    addresses: list[ShortText] = []
    speed_bits_per_second: float | None = None


class System(msgspec.Struct, frozen=True, kw_only=True):
    """What the host is: changes seldom, so it travels with the hello and on request only."""

    host_name: ShortText
    operating_system: ShortText
    kernel: ShortText
    architecture: ShortText
    boot_time_seconds: float
    processor: Processor
    memory_total_bytes: Count | None = None
    swap_total_bytes: Count | None = None
    disks: list[Disk] = []
    filesystems: list[Filesystem] = []
    interfaces: list[Interface] = []


class Hello(Record, frozen=True, kw_only=True, tag="hello"):
    """At each start, hourly, and when it is told to measure something else: the fleet knows an agent before its first
    metrics, and after its database was lost.

    `group` and `labels` are what the host's settings say of it, `checks` the names of its active checks: what another
    name's incident was about is not checked any more. `collectors` are the metric groups that it measures, by the hub's
    word when `collectors_told`; an agent that names none is too old to choose.
    """

    agent_version: ShortText
    host_name: ShortText
    scope: Scope
    interval_seconds: float
    system: System | None = None
    group: ShortText = ""
    labels: dict[ShortText, ShortText] = {}
    checks: list[ShortText] = []
    collectors: list[ShortText] = []
    collectors_told: bool = False


class Goodbye(Record, frozen=True, kw_only=True, tag="goodbye"):
    """A clean stop, told from a death. `reason` is a word: stopped, reboot, upgrade."""

    reason: ShortText


class Result(Record, frozen=True, kw_only=True, tag="result"):
    """How a command ended on the agent."""

    command_id: ShortText
    kind: ShortText
    outcome: Literal["done", "failed", "refused"]
    detail: Sentence = ""


class Loss(Record, frozen=True, kw_only=True, tag="loss"):
    """Records the agent had to give up, named: every `step`-th of `lost_epoch` from `first_seq` to `last_seq`, both
    included. What arrives nevertheless counts as stored.

    `full` the spool was full, `thinned` every other one was dropped to keep the rest, `age` too old, `disk` kept in
    memory only, `oversize` larger than a record may be, `corrupt` the spool was damaged or is gone, `released` the
    broker had confirmed them and the agent does not have them any more.
    """

    lost_epoch: Ordinal
    first_seq: Ordinal
    last_seq: Ordinal
    step: Ordinal = 1
    count: Ordinal
    size_bytes: Count
    reason: LossReason
    first_wall_seconds: float | None = None
    last_wall_seconds: float | None = None


class ProcessShare(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes that used most: per cent of one core over a moment, and resident bytes."""

    process_id: Count
    name: ShortText
    cpu_percent: float
    memory_bytes: Count


class Evidence(Record, frozen=True, kw_only=True, tag="evidence"):
    """The black box of the host at the moment when a check of it turned bad by the agent's own judgement.

    `rule` and `subject` name the check as incidents do. Each of `samples` has the seconds before the record's time
    (first, falling to 0) and then one number for each of `names`, null where it was not measured.
    """

    rule: ShortText
    subject: ShortText
    state: Literal["warning", "critical", "unknown"]
    names: list[ShortText] = []
    samples: list[list[float | None]] = []
    processes: list[ProcessShare] = []


class Action(Record, frozen=True, kw_only=True, tag="action"):
    """A command of the host's own settings, run by the agent when a check changed its hard state.

    `outcome` is done (exit code 0), failed (another one, or it could not be started) or timed-out.
    """

    name: ShortText
    rule: ShortText
    subject: ShortText
    state: Literal["ok", "warning", "critical", "unknown"]
    attempt: Ordinal
    outcome: Literal["done", "failed", "timed-out"]
    exit_code: ExitCode | None = None
    output: Sentence = ""
    duration_seconds: float = 0.0


class Log(Record, frozen=True, kw_only=True, tag="log"):
    """Lines of a watched log that look like trouble. Reserved: no agent sends it yet."""

    source: ShortText
    lines: list[Sentence]


AnyRecord = Snapshot | Hello | Goodbye | Result | Loss | Evidence | Action | Log

RECORD_TYPES: dict[str, type[Record]] = {
    "snapshot": Snapshot,
    "hello": Hello,
    "goodbye": Goodbye,
    "result": Result,
    "loss": Loss,
    "evidence": Evidence,
    "action": Action,
    "log": Log,
}

_encoder = msgspec.json.Encoder()


def encode_record(record: Record) -> bytes:
    """The record as one JSON object, the bytes a spool keeps and a message carries."""
    return _encoder.encode(record)


def known_fields(record_type: str) -> frozenset[str]:
    """Names this version understands for a type of record, the tag included."""
    return _KNOWN_FIELDS[record_type]


_KNOWN_FIELDS: dict[str, frozenset[str]] = {
    name: frozenset(kind.__struct_fields__) | {"type"} for name, kind in RECORD_TYPES.items()
}


def convert_record(fields: dict[str, Any]) -> AnyRecord:
    """Validate one decoded JSON object as a record; raises msgspec.ValidationError."""
    record: AnyRecord = msgspec.convert(fields, AnyRecord)
    return record
