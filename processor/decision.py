"""What handling a batch comes to: rows to keep, what memory takes over after the commit, and what others hear of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from processor.ledger import Ledger
from processor.recent import Recent
from rabbitmq.records import Loss
from rabbitmq.statement import Statement
from store.model import Agent, Batch, CheckKey

Senders = Mapping[int, str]
"""From an epoch to the reply address of whoever sent records of it."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is remembered beside the batch's rows.

    `repeats_from` tells who sent the batch's repeats, by agent; `recent` what each reported lately, as far as rules
    look back; `reuses_told` are agents whose reused keys were dealt with; `canary_monotonic_ms` is when the newest
    canary of this process was sent; `withheld` are checks whose incidents were not opened, for what explains them.
    """

    ledgers: Sequence[Ledger] = ()
    repeats_from: Mapping[str, Senders] = field(default_factory=dict)
    recent: Mapping[str, Recent] = field(default_factory=dict)
    reuses_told: Sequence[str] = ()
    canary_monotonic_ms: int | None = None
    withheld: Collection[CheckKey] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`batch` must be kept; then memory takes over what was `learnt`, and `statements` go to their reply addresses.

    The rest is for people: who is new, who said goodbye, who gave up which records, and what agents are called that are
    not in the batch.
    """

    batch: Batch
    learnt: Learnt
    statements: Sequence[tuple[str, Statement]] = ()
    joined: Sequence[Agent] = ()
    stopped: Sequence[Agent] = ()
    losses: Sequence[Loss] = ()
    names: Mapping[str, str] = field(default_factory=dict)
