"""Accounts the tests keep, as the processor would."""

from collections.abc import Sequence
from typing import Any

from store.model import Batch, Quarantined
from store.record_account import AccountChanges, EpochAccount, EpochKey, Gap, GapState
from tests.contract.http.fleet import NOW_MS, agent


def gap(first_seq: int, last_seq: int, state: GapState, reason: str = "") -> Gap:
    return Gap(first_seq=first_seq, last_seq=last_seq, state=state, reason=reason, since_ms=NOW_MS - 60_000)


def account(agent_id: str, assigned: int, *gaps: Gap, epoch: int = 1, **fields: int) -> AccountChanges:
    """One epoch's account: what no gap holds is stored."""
    stored = assigned - sum(one.count for one in gaps)
    return AccountChanges(
        epochs=[EpochAccount(agent_id=agent_id, epoch=epoch, assigned_seq=assigned, stored=stored, **fields)],
        kept_gaps=[(EpochKey(agent_id, epoch), one) for one in gaps],
    )


def accounted(agent_id: str, assigned: int, *gaps: Gap, **fields: Any) -> Batch:
    """An agent with its account."""
    return Batch(agents=[agent(agent_id)], accounts=account(agent_id, assigned, *gaps, **fields))


LOSSES: Sequence[Gap] = (
    gap(1, 10, GapState.DECLARED, "full"),
    gap(21, 22, GapState.DECLARED, "age"),
    gap(31, 31, GapState.QUARANTINED, "not-json"),
    gap(96, 100, GapState.OPEN),
)
UNEXPLAINED = gap(50, 52, GapState.UNEXPLAINED)


def poison(body: bytes = b"{", **fields: Any) -> Quarantined:
    whole: dict[str, Any] = {
        "received_ms": NOW_MS - 5_000,
        "routing_key": "web-3",
        "message_id": "web-3/1/31",
        "headers": {"type": "healthmon.records.v1"},
        "reason": "not-json",
        "detail": "truncated",
        "body": body,
    }
    return Quarantined(**{**whole, **fields})
