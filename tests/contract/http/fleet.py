"""Rows the tests keep: agents, snapshots and incidents as the processor would."""

import json
from typing import Any

from health.state import State
from store.model import Agent, Batch, Change, CheckKey, IncidentChange, KeptSnapshot, Remedy, Step

NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z
FLOWING = Batch(canary_sent_ms=NOW_MS - 2_000, received_ms=NOW_MS - 1_000)
READINGS = {
    "cpu.usage_percent": 34.0,
    "memory.usage_percent": 41.25,
    'disk.usage_percent{mount="/"}': 50.0,
    'disk.usage_percent{mount="/var"}': 96.4,
    "load.1m": 1.5,
}


def agent(agent_id: str = "web-3", **changes: Any) -> Agent:
    """An agent that was heard a second ago and has metrics."""
    fields: dict[str, Any] = {
        "agent_id": agent_id,
        "host_name": f"{agent_id}.example",
        "scope": "host",
        "agent_version": "0.1.0",
        "first_seen_ms": NOW_MS - 3_600_000,
        "last_seen_ms": NOW_MS - 1_000,
        "hello_ms": NOW_MS - 3_600_000,
        "reply_to": "amq.rabbitmq.reply-to.abc",
        "epoch": 1,
        "seq": 2,
        "last_assigned_seq": 2,
        "has_system_info": True,
        "snapshot_ms": NOW_MS - 2_000,
        "snapshot_epoch": 1,
        "snapshot_seq": 2,
        "snapshot_received_ms": NOW_MS - 1_000,
    }
    return Agent(**{**fields, **changes})


def greeted(agent_id: str = "new-1", **changes: Any) -> Agent:
    """An agent that has said hello and nothing else."""
    silent = dict.fromkeys(("snapshot_ms", "snapshot_epoch", "snapshot_seq", "snapshot_received_ms"))
    return agent(agent_id, **{**silent, "has_system_info": False, **changes})


def silent(agent_id: str = "web-3", **changes: Any) -> Agent:
    """An agent that nobody has heard for four minutes."""
    last_ms = NOW_MS - 240_000
    return agent(agent_id, **{"last_seen_ms": last_ms, "snapshot_received_ms": last_ms, **changes})


def snapshot(
    agent_id: str = "web-3",
    *,
    wall_ms: int = NOW_MS - 2_000,
    seq: int = 2,
    readings: dict[str, float] = READINGS,
    errors: dict[str, str] | None = None,
) -> KeptSnapshot:
    extra = json.dumps({"boot_id": "b"} | ({"errors": errors} if errors else {})).encode()
    return KeptSnapshot(
        agent_id=agent_id,
        epoch=1,
        seq=seq,
        wall_ms=wall_ms,
        received_ms=wall_ms + 1_000,
        readings=readings,
        extra=extra,
    )


def change(agent_id: str = "web-3", *, subject: str = 'mount="/var"', **changes: Any) -> IncidentChange:
    """A full disk, opened twelve minutes ago, with one remedy."""
    fields: dict[str, Any] = {
        "key": CheckKey(agent_id, "disk-usage", subject),
        "change": Change.OPENED,
        "severity": State.CRITICAL,
        "at_ms": NOW_MS - 720_000,
        "received_ms": NOW_MS - 720_000,
        "epoch": 1,
        "seq": 1,
        "metric": "disk.usage_percent",
        "value": 96.4,
        "limit": 95.0,
        "title": "disk /var is almost full",
        "sentence": "disk /var is 96.4 % full, limit 95 %",
        "remedies": (REMEDY,),
    }
    return IncidentChange(**{**fields, **changes})


REMEDY = Remedy(
    slug="disk-full",
    title="Disk is full",
    confidence="exact",
    reason="the check disk-usage is critical for /var",
    steps=(
        Step(text="Find the largest folders.", command="du -xh /var | sort -h | tail"),
        Step(text="Remove what is not needed."),
    ),
    verify="df -h /var",
    captured={"mount": "/var"},
)


def healthy(*agent_ids: str) -> Batch:
    return Batch(
        agents=[agent(one) for one in agent_ids],
        snapshots=[snapshot(one) for one in agent_ids],
        systems=dict.fromkeys(agent_ids, SYSTEM),
        received_ms=NOW_MS,
    )


def troubled() -> Batch:
    """One host with a full disk."""
    return Batch(agents=[agent()], snapshots=[snapshot()], systems={"web-3": SYSTEM}, incidents=[change()])


SYSTEM = json.dumps(
    {
        "host_name": "web-3.example",
        "operating_system": "Debian GNU/Linux 12",
        "kernel": "6.1.0",
        "architecture": "x86_64",
        "boot_time_seconds": 1.0,
        "processor": {"model": "Example CPU", "logical_cores": 8},
        "memory_total_bytes": 16 * 2**30,
        "disks": [{"name": "sda", "size_bytes": 2**40}],
        "interfaces": [{"name": "eth0", "addresses": ["192.0.2.7"]}],
    }
).encode()
