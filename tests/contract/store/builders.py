"""Domain objects for tests, with everything that a test does not care about filled in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from health.state import State
from store.model import Agent, Batch, Change, CheckKey, IncidentChange, KeptRecord, KeptSnapshot, Quarantined
from store.record_account import AccountChanges, EpochAccount, EpochKey, Gap, GapState

NOW_MS = 1_790_000_000_000
KEY = CheckKey("web-1", "disk-full", 'mount="/var"')


def agent(agent_id: str = "web-1", **fields: Any) -> Agent:
    return replace(Agent(agent_id=agent_id, first_seen_ms=NOW_MS, last_seen_ms=NOW_MS), **fields)


def snapshot(seq: int = 1, agent_id: str = "web-1", **fields: Any) -> KeptSnapshot:
    """Snapshots come 5 seconds apart, the first one at NOW_MS."""
    taken_ms = NOW_MS + (seq - 1) * 5_000
    whole = KeptSnapshot(
        agent_id=agent_id,
        epoch=1,
        seq=seq,
        wall_ms=taken_ms,
        received_ms=taken_ms,
        readings={"cpu.usage_percent": float(seq)},
    )
    return replace(whole, **fields)


def at(kept: KeptSnapshot) -> Agent:
    """An agent whose newest snapshot is this one."""
    return agent(kept.agent_id, snapshot_ms=kept.wall_ms, snapshot_epoch=kept.epoch, snapshot_seq=kept.seq)


def hello(seq: int = 1, agent_id: str = "web-1", **fields: Any) -> KeptRecord:
    whole = KeptRecord(
        agent_id=agent_id, epoch=1, seq=seq, kind="hello", wall_ms=NOW_MS, received_ms=NOW_MS, raw=b'{"type":"hello"}'
    )
    return replace(whole, **fields)


def poison(body: bytes = b"{", **fields: Any) -> Quarantined:
    whole = Quarantined(
        received_ms=NOW_MS,
        routing_key="web-1",
        message_id=None,
        headers={},
        reason="not-json",
        detail="truncated",
        body=body,
    )
    return replace(whole, **fields)


def gap(first_seq: int, last_seq: int, state: GapState = GapState.OPEN, **fields: Any) -> Gap:
    return replace(Gap(first_seq=first_seq, last_seq=last_seq, state=state, since_ms=NOW_MS), **fields)


def account(
    agent_id: str = "web-1", epoch: int = 1, *, gaps: Sequence[Gap] = (), closed: Sequence[int] = (), **fields: int
) -> AccountChanges:
    """One epoch's account; `closed` are first_seqs."""
    key = EpochKey(agent_id, epoch)
    return AccountChanges(
        epochs=[EpochAccount(agent_id=agent_id, epoch=epoch, **fields)],
        closed_gaps=[(key, first_seq) for first_seq in closed],
        kept_gaps=[(key, kept) for kept in gaps],
    )


def change(what: Change = Change.OPENED, seq: int = 1, key: CheckKey = KEY, **fields: Any) -> IncidentChange:
    whole = IncidentChange(
        key=key,
        change=what,
        severity=State.WARNING,
        at_ms=NOW_MS + seq,
        received_ms=NOW_MS + seq,
        epoch=1,
        seq=seq,
        metric="disk.usage_percent",
        value=91.5,
        limit=90.0,
        title="Disk is filling up",
        sentence=f"{what} at {seq}",
    )
    return replace(whole, **fields)


def batch(**fields: Any) -> Batch:
    """A batch that knows the agent web-1 unless it says otherwise."""
    return replace(Batch(agents=[agent()], received_ms=NOW_MS), **fields)
