"""The account of records as the API shows it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from helpdesk_api.delivery_words import account_sentence
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.times import Moment, moment
from store.delivery import AgentSums, Sums
from store.record_account import Gap

SPOOL_BYTES = "agent.spool_bytes"
SPOOL_RECORDS = "agent.spool_unconfirmed_records"
SPOOL_METRICS = (SPOOL_BYTES, SPOOL_RECORDS)


class SumsAnswer(BaseModel):
    """Numbers of records. `assigned` is always the sum of the five behind it."""

    assigned: int = Field(description="Numbers that agents gave to records, as far as they told.")
    stored: int
    quarantined: int = Field(description="Came and could not be taken in; their bytes are kept as long as records.")
    declared: int = Field(description="Named as lost by their agents, each range with its reason.")
    in_transit: int = Field(description="The agent or the broker has them.")
    unexplained: int = Field(description="Nobody has them, nobody named them. Above 0 is an incident.")
    duplicates: int = Field(description="Copies that came again and were absorbed; in no other number.")
    sentence: str = Field(description="The same in words, with what now.")


class ReasonAnswer(BaseModel):
    reason: str = Field(description="full, thinned, age, disk, oversize, corrupt or released.")
    records: int
    ranges: int


class OldestAnswer(BaseModel):
    """The first record in transit: the agent or the broker has it."""

    epoch: int
    seq: int
    since: Moment = Field(description="Since when it is known to be missing.")


class SpoolAnswer(BaseModel):
    """The agent's spool, from its newest snapshot."""

    bytes: int | None
    unconfirmed_records: int | None


class AgentAccountAnswer(SumsAnswer):
    """One agent's account, over all its epochs."""

    agent_id: str
    name: str = Field(description="The host's name, or the agent's id.")
    declared_by_reason: list[ReasonAnswer] = Field(description="The most records first.")
    oldest_unconfirmed: OldestAnswer | None = Field(description="Null when nothing is in transit.")
    spool: SpoolAnswer | None = Field(description="Null when its newest snapshot does not tell.")


class QueueAnswer(BaseModel):
    """What waits for the processor in the broker."""

    depth: int | None = Field(
        description="Messages ready to be taken, looked at about every 5 s; those that the processor has taken and not "
        "yet stored are not in it. Null while the broker is not reached."
    )
    age_seconds: float | None = Field(
        description="How old the newest stored canary is while messages wait: about the age of the oldest of them. 0 "
        "when none waits, null while nobody knows."
    )
    consumers: int | None = Field(description="Processors that take messages or stand by.")


class DeliveryAnswer(BaseModel):
    agents: list[AgentAccountAnswer] = Field(description="In the order of ids.")
    total: SumsAnswer = Field(description="Over all agents, listed here or not.")
    queue: QueueAnswer


class GapAnswer(BaseModel):
    """Every `step`th of the records `first_seq` to `last_seq` of an epoch, both included, none of them stored."""

    epoch: int
    first_seq: int
    last_seq: int
    step: int = Field(description="1, or 2 where every other number is meant: what a thinned spool lost.")
    records: int
    state: str = Field(description="open (in transit), quarantined, declared (named as lost) or unexplained.")
    reason: str = Field(description="Of a loss or a quarantine; empty for the others.")
    since: Moment
    asked: Moment | None = Field(description="When the agent was last asked to send them again.")


def sums_answer(sums: Sums) -> SumsAnswer:
    return SumsAnswer(**_numbers(sums))


def agent_account_answer(sums: AgentSums, readings: Mapping[str, float]) -> AgentAccountAnswer:
    """`readings` are those of the agent's newest snapshot."""
    return AgentAccountAnswer(
        **_numbers(sums),
        agent_id=sums.agent_id,
        name=sums.name,
        declared_by_reason=[
            ReasonAnswer(reason=one.reason, records=one.records, ranges=one.ranges) for one in sums.declared_by_reason
        ],
        oldest_unconfirmed=_oldest(sums),
        spool=_spool(readings),
    )


def queue_answer(queue: QueueLook | None, age_seconds: float | None) -> QueueAnswer:
    if queue is None:
        return QueueAnswer(depth=None, age_seconds=age_seconds, consumers=None)
    return QueueAnswer(depth=queue.depth, age_seconds=age_seconds, consumers=queue.consumers)


def gap_answer(epoch: int, gap: Gap) -> GapAnswer:
    return GapAnswer(
        epoch=epoch,
        first_seq=gap.first_seq,
        last_seq=gap.last_seq,
        step=gap.step,
        records=gap.count,
        state=gap.state.value,
        reason=gap.reason,
        since=moment(gap.since_ms),
        asked=None if gap.asked_ms is None else moment(gap.asked_ms),
    )


def _numbers(sums: Sums) -> dict[str, Any]:
    numbers = {name: getattr(sums, name) for name in SumsAnswer.model_fields if name != "sentence"}
    return {**numbers, "sentence": account_sentence(sums)}


def _oldest(sums: AgentSums) -> OldestAnswer | None:
    oldest = sums.oldest_open
    return None if oldest is None else OldestAnswer(epoch=oldest.epoch, seq=oldest.seq, since=moment(oldest.since_ms))


def _spool(readings: Mapping[str, float]) -> SpoolAnswer | None:
    size, waiting = readings.get(SPOOL_BYTES), readings.get(SPOOL_RECORDS)
    if size is None and waiting is None:
        return None
    return SpoolAnswer(
        bytes=None if size is None else int(size), unconfirmed_records=None if waiting is None else int(waiting)
    )
