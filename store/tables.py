"""The tables, in the words of SQLAlchemy Core. `migrations/` makes them; a test holds the two together.

Times are milliseconds since the Unix epoch, whole numbers have 64 bits. Rows name an agent by its short `agent_no`.
Numbers that people or programs remember are never given twice, which SQLite has to be told (sqlite_autoincrement).
"""

from dataclasses import fields

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    false,
    true,
)

from store.model import Agent
from store.text import AnyText

SCHEMA_VERSION = "0006"

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_key",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "fk": "%(table_name)s_%(column_0_name)s_known",
        "ix": "%(table_name)s_%(column_0_N_name)s",
    }
)

Number = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up an INTEGER PRIMARY KEY only


def _agent_no() -> Column[int]:
    return Column("agent_no", BigInteger, ForeignKey("agent.agent_no"), nullable=False)


agent = Table(
    "agent",
    metadata,
    Column("agent_no", Number, primary_key=True),
    Column("agent_id", AnyText, nullable=False, unique=True),
    Column("host_name", AnyText),
    Column("scope", AnyText),
    Column("agent_version", AnyText),
    Column("interval_ms", BigInteger, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("hello_ms", BigInteger),
    Column("goodbye_ms", BigInteger),
    Column("goodbye_reason", AnyText),
    Column("reply_to", AnyText),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("last_assigned_seq", BigInteger, nullable=False),
    Column("has_system_info", Boolean, nullable=False),
    Column("snapshot_ms", BigInteger),
    Column("snapshot_epoch", BigInteger),
    Column("snapshot_seq", BigInteger),
    Column("snapshot_received_ms", BigInteger),
    Column("instance", AnyText, nullable=False, server_default=""),
    Column("instance_epoch", BigInteger, nullable=False, server_default="0"),
    Column("instance_seq", BigInteger, nullable=False, server_default="0"),
    Column("clock_offset_ms", BigInteger),
    Column("group_name", AnyText, nullable=False, server_default=""),
    Column("labels", JSON, nullable=False, server_default="{}"),
    Column("peer_host", AnyText),
    Column("collectors", JSON, nullable=False, server_default="[]"),
    Column("collectors_told", Boolean, nullable=False, server_default=false()),
    Column("is_blind", Boolean, nullable=False, server_default=false()),
)
agent_columns = [agent.c[field.name] for field in fields(Agent)]

layout = Table(
    "layout",
    metadata,
    Column("layout_no", Number, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("names", LargeBinary, nullable=False),
    Column("used_ms", BigInteger, nullable=False, index=True),
)

# No foreign keys in the next two: a look-up for each would cost more than the row.
snapshot = Table(
    "snapshot",
    metadata,
    Column("time_ms", BigInteger, nullable=False),
    Column("agent_no", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("layout_no", BigInteger, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
    Column("extra", LargeBinary),
    PrimaryKeyConstraint("time_ms", "agent_no", "epoch", "seq"),
    sqlite_with_rowid=False,
)

record = Table(
    "record",
    metadata,
    Column("agent_no", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("agent_no", "epoch", "seq"),
)

account = Table(
    "account",
    metadata,
    _agent_no(),
    Column("epoch", BigInteger, nullable=False),
    Column("assigned_seq", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("oldest_unconfirmed_seq", BigInteger, nullable=False),
    Column("oldest_kept_seq", BigInteger, nullable=False),
    Column("told_seq", BigInteger, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("agent_no", "epoch"),
    sqlite_with_rowid=False,
)

gap = Table(
    "gap",
    metadata,
    _agent_no(),
    Column("epoch", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("asked_ms", BigInteger),
    Column("asked_count", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False, server_default="1"),
    PrimaryKeyConstraint("agent_no", "epoch", "first_seq"),
    sqlite_with_rowid=False,
)

system = Table(
    "system",
    metadata,
    _agent_no(),
    Column("received_ms", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("agent_no"),
)

check_state = Table(
    "check_state",
    metadata,
    _agent_no(),
    Column("rule", AnyText, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("pending", AnyText),
    Column("pending_since_ms", BigInteger),
    Column("attempt", BigInteger, nullable=False, server_default="0"),
    Column("history", BigInteger, nullable=False, server_default="0"),
    Column("flapping_since_ms", BigInteger),
    PrimaryKeyConstraint("agent_no", "rule", "subject"),
)

incident = Table(
    "incident",
    metadata,
    Column("number", Number, primary_key=True),
    _agent_no(),
    Column("rule", AnyText, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("severity", AnyText, nullable=False),
    Column("title", AnyText, nullable=False),
    Column("sentence", AnyText, nullable=False),
    Column("value", Double, nullable=False),
    Column("metric", AnyText, nullable=False),
    Column("limit_value", Double, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("remedies", JSON, nullable=False),
    Column("acknowledged_ms", BigInteger),
    Column("acknowledged_by", AnyText, nullable=False, server_default=""),
    Column("flapping_since_ms", BigInteger),
    Column("is_late", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)
Index("incident_agent_no_number", incident.c.agent_no, incident.c.number)
Index(
    "incident_one_open",
    incident.c.agent_no,
    incident.c.rule,
    incident.c.subject,
    unique=True,
    sqlite_where=incident.c.closed_ms.is_(None),
    postgresql_where=incident.c.closed_ms.is_(None),
)

incident_event = Table(
    "incident_event",
    metadata,
    Column("event_no", Number, primary_key=True),
    Column("number", BigInteger, ForeignKey("incident.number", ondelete="CASCADE"), nullable=False),
    Column("change", AnyText, nullable=False),
    Column("severity", AnyText, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("sentence", AnyText, nullable=False),
    Column("author", AnyText, nullable=False, server_default=""),
    Column("reason", AnyText, nullable=False, server_default=""),
    UniqueConstraint("number", "epoch", "seq", "change"),
    sqlite_autoincrement=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("no", Number, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),  # in its batch, which tells two equal messages from one kept twice
    Column("routing_key", AnyText, nullable=False),
    Column("message_id", AnyText),
    Column("headers", JSON, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("detail", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("body", LargeBinary, nullable=False),  # its beginning only, unless body_kept
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("body_kept", Boolean, nullable=False, server_default=true()),
    Column("redrive_requested_ms", BigInteger),
    Column("redriven_ms", BigInteger),  # when it was tried last
    UniqueConstraint("received_ms", "place", "sha256"),
)
Index("quarantine_reason_no", quarantine.c.reason, quarantine.c.no)
Index("quarantine_routing_key_no", quarantine.c.routing_key, quarantine.c.no)
Index(
    "quarantine_redrive",
    quarantine.c.no,
    sqlite_where=quarantine.c.redrive_requested_ms.is_not(None),
    postgresql_where=quarantine.c.redrive_requested_ms.is_not(None),
)
Index(
    "quarantine_beginnings",
    quarantine.c.no,
    sqlite_where=quarantine.c.body_kept.is_(False),
    postgresql_where=quarantine.c.body_kept.is_(False),
)

# One row, in step with the quarantine at every commit: nobody counts a flood while it comes.
quarantine_total = Table(
    "quarantine_total",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("entries", BigInteger, nullable=False),
    Column("bodies", BigInteger, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
)

suspect = Table(
    "suspect",
    metadata,
    Column("sha256", AnyText, primary_key=True),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("routing_key", AnyText, nullable=False),
    Column("sightings", BigInteger, nullable=False, server_default="1"),
)

fence = Table(
    "fence",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", AnyText, nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("dropped_before_ms", BigInteger, nullable=False, server_default="0"),  # older records may be gone
)

command = Table(
    "command",
    metadata,
    Column("command_id", AnyText, primary_key=True),
    _agent_no(),
    Column("kind", AnyText, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("outcome", AnyText),
    Column("detail", AnyText),
    Column("finished_ms", BigInteger),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", Number, primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("role", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

flow = Table(
    "flow",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("stored_ms", BigInteger, nullable=False),
)
