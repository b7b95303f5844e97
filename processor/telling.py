"""When an agent hears its account: often enough that it may free what is settled, seldom enough to cost nothing."""

from collections.abc import Sequence

from processor.ledger import Ledger
from rabbitmq.statement import Statement

TELL_EVERY_RECORDS = 100
TELL_EVERY_MS = 5 * 60_000
REPLY_ADDRESS = "amq.rabbitmq.reply-to."


def is_address(reply_to: str) -> bool:
    """Whether it is an agent's direct reply-to; nothing is sent anywhere else, whatever a message asks for."""
    return reply_to.startswith(REPLY_ADDRESS)


def is_due(ledger: Ledger, now_ms: int) -> bool:
    news = ledger.settled_seq - ledger.told_seq
    return news >= TELL_EVERY_RECORDS or (news > 0 and abs(now_ms - ledger.told_ms) >= TELL_EVERY_MS)


def statement_of(ledger: Ledger, missing: Sequence[tuple[int, int]] = ()) -> Statement:
    return Statement(
        agent_id=ledger.key.agent_id,
        epoch=ledger.key.epoch,
        assigned_seq=ledger.assigned_seq,
        settled_seq=ledger.settled_seq,
        missing=list(missing),
    )


def tell(ledger: Ledger, now_ms: int, missing: Sequence[tuple[int, int]] = ()) -> Statement:
    """The statement for the agent that holds the identity; the draft notes what it was told."""
    statement = statement_of(ledger, missing)
    ledger.told_seq, ledger.told_ms = statement.settled_seq, now_ms
    return statement
