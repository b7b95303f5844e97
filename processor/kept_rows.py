"""Records as they are kept."""

from collections.abc import Mapping
from typing import Any

import msgspec

from rabbitmq.message import ReadRecord
from rabbitmq.records import Snapshot
from store.model import KeptRecord, KeptSnapshot
from store.packing import PackedReadings


def kept_row(item: ReadRecord, received_ms: int) -> KeptSnapshot | KeptRecord:
    record = item.record
    if isinstance(record, Snapshot):
        return _kept_snapshot(record, item.unknown, received_ms)
    return KeptRecord(
        agent_id=record.agent_id,
        epoch=record.epoch,
        seq=record.seq,
        kind=type(record).__name__.lower(),
        wall_ms=milliseconds(record.wall_seconds),
        received_ms=received_ms,
        raw=item.raw,
    )


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _kept_snapshot(record: Snapshot, unknown: Mapping[str, Any], received_ms: int) -> KeptSnapshot:
    extra: dict[str, Any] = {
        **unknown,
        "boot_id": record.boot_id,
        "boot_seconds": record.boot_seconds,
        "interval_seconds": record.interval_seconds,
        "scope": record.scope,
    }
    if record.errors:
        extra["errors"] = record.errors
    if record.checks:
        extra["checks"] = record.checks
    if record.switched_off:
        extra["switched_off"] = record.switched_off
    if record.trigger != "interval":
        extra["trigger"] = record.trigger
    return KeptSnapshot(
        agent_id=record.agent_id,
        epoch=record.epoch,
        seq=record.seq,
        wall_ms=milliseconds(record.wall_seconds),
        received_ms=received_ms,
        readings=PackedReadings(record.readings),
        extra=msgspec.json.encode(extra),
    )
