"""Ranges of the account and loss records come to the same numbers, whatever their steps."""

from faults.declared import Declared, by_reason, named_by_agents
from faults.evidence import Kept
from faults.witness import Content, Key
from rabbitmq.records import Loss, LossReason

AGENT, EPOCH = "a1", 1 << 32


def keys(*seqs: int) -> set[Key]:
    return {Key(AGENT, EPOCH, seq) for seq in seqs}


def loss(first_seq: int, last_seq: int, step: int, reason: LossReason) -> Loss:
    return Loss(
        agent_id=AGENT, epoch=EPOCH, seq=90, boot_id="b", wall_seconds=1.0, boot_seconds=1.0, lost_epoch=EPOCH,
        first_seq=first_seq, last_seq=last_seq, step=step, count=1, size_bytes=10, reason=reason,
    )  # fmt: skip


def test_ranges_are_counted_by_reason_with_every_number() -> None:
    rows = [
        Declared(AGENT, EPOCH, 1, 3, 1, "full"),
        Declared(AGENT, EPOCH, 10, 14, 2, "thinned"),
        Declared(AGENT, EPOCH, 20, 20, 1, "thinned"),
    ]
    found = by_reason(rows)
    assert {reason: (listed.ranges, listed.numbers) for reason, listed in found.items()} == {
        "full": (1, keys(1, 2, 3)),
        "thinned": (2, keys(10, 12, 14, 20)),
    }


def test_what_agents_name_counts_only_where_nobody_has_it() -> None:
    stored = [Content(key, "") for key in keys(2, 10)]
    kept = Kept(stored=stored, losses=[loss(1, 3, 1, "full"), loss(10, 14, 2, "thinned"), loss(2, 2, 1, "disk")])
    assert named_by_agents(kept) == {"full": keys(1, 3), "thinned": keys(12, 14)}
