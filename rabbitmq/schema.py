"""The published JSON Schema of what travels; `python -m rabbitmq.schema` prints docs/schemas/records.v1.json."""

import json
import sys
from typing import Any

import msgspec

from rabbitmq.records import AnyRecord, Count, Ordinal, ShortText


class Message(msgspec.Struct, kw_only=True):
    """A message's body: records of one agent and epoch in rising order, and how far that agent's numbering has come."""

    version: int
    agent_id: str
    epoch: Ordinal
    last_assigned_seq: Ordinal
    oldest_kept_seq: Ordinal
    oldest_unconfirmed_seq: Count = 0
    instance: ShortText = ""
    instance_epoch: Count = 0
    instance_seq: Count = 0
    records: list[AnyRecord]


def message_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a message's body. Unknown fields are allowed: they pass through and are kept."""
    schema = msgspec.json.schema(Message)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "healthmon.records.v1"
    return schema


def published_text() -> str:
    return json.dumps(message_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published_text())
