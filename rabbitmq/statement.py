"""What the processor tells an agent about its own account; it travels to the agent's reply address (direct reply-to).

The agent frees what is settled, sends again what is missing, and names as lost what it cannot send again. A statement
that is lost or comes twice does no harm: the next one says the same and more.
"""

import msgspec

from rabbitmq.records import AgentId, Count, Ordinal

STATEMENT_TYPE = "healthmon.statement.v1"
MOST_MISSING_RANGES = 100
MOST_MISSING_RECORDS = 1000


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of one agent as the database has it.

    `assigned_seq` is the highest number known of the epoch: an agent whose own last one is lower was restored from an
    old copy. Everything up to `settled_seq` is stored, quarantined or named as lost. `missing` are ranges (first, last;
    both included) that the broker confirmed and lost again.
    """

    version: int = 1
    agent_id: AgentId
    epoch: Ordinal
    assigned_seq: Ordinal
    settled_seq: Count
    missing: list[tuple[Ordinal, Ordinal]] = []


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Statement)


def encode_statement(statement: Statement) -> bytes:
    return _encoder.encode(statement)


def decode_statement(body: bytes) -> Statement:
    """Raises ValueError (msgspec's errors are ValueErrors) for anything that is not a statement of this version."""
    try:
        statement = _decoder.decode(body)
    except RecursionError as error:
        raise ValueError("nested deeper than any statement is") from error
    if statement.version != 1:
        raise ValueError(f"statement version {statement.version}, this program reads 1")
    if statement.settled_seq > statement.assigned_seq:
        raise ValueError(f"settled up to {statement.settled_seq}, though assigned up to {statement.assigned_seq} only")
    return statement
