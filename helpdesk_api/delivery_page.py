"""What the page of the account shows: the total in a sentence, a row for each agent, and the ranges that are lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from console.quantities import size
from helpdesk_api.answers.delivery import SPOOL_BYTES
from helpdesk_api.delivery_words import LOSS_WORDS, MEANINGS, account_sentence
from helpdesk_api.words import NOT_REPORTED, count
from store.delivery import AgentSums, DeliverySums, Sums
from store.record_account import Gap, GapState

ROWS = 100
MOST_AGENTS_WITH_RANGES = 20
MOST_RANGES = 50
SHOWN_STATES = (GapState.UNEXPLAINED, GapState.DECLARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An agent's account. `oldest` and `spool` are in words."""

    sums: AgentSums
    oldest: str
    spool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Records of an agent that are named as lost, or that nobody explains."""

    agent_id: str
    name: str
    numbers: str
    records: int
    what: str
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """`words` are the table's columns. `ranges_cut` when there are more than are shown."""

    sentence: str
    total: Sums
    agents_count: int
    words: Sequence[str]
    rows: Sequence[Row]
    next_page: int | None
    ranges: Sequence[Range]
    ranges_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What is read for the shown agents only: gaps of one in SHOWN_STATES (with their epochs), the newest readings by
    agent."""

    gaps: Callable[[str, int], Sequence[tuple[int, Gap]]]
    readings: Callable[[Sequence[str]], Mapping[str, Mapping[str, float]]]


def delivery_view(sums: DeliverySums, page_number: int, reads: Reads) -> DeliveryView:
    """The agents with the most trouble come first. `page_number` counts from 1."""
    ordered = sorted(sums.agents, key=_urgency)
    first = (page_number - 1) * ROWS
    shown = ordered[first : first + ROWS]
    ranges = list(_ranges(shown, reads))
    readings = reads.readings([one.agent_id for one in shown])
    troubled = sum(bool(one.unexplained or one.declared) for one in shown)
    return DeliveryView(
        sentence=account_sentence(sums.total),
        total=sums.total,
        agents_count=len(ordered),
        words=tuple(MEANINGS),
        rows=[_row(one, readings.get(one.agent_id, {})) for one in shown],
        next_page=page_number + 1 if len(ordered) > first + ROWS else None,
        ranges=ranges[:MOST_RANGES],
        ranges_cut=len(ranges) > MOST_RANGES or troubled > MOST_AGENTS_WITH_RANGES,
    )


def _urgency(one: AgentSums) -> tuple[int, int, int, str, str]:
    return -one.unexplained, -one.quarantined, -one.declared, one.name, one.agent_id


def _row(sums: AgentSums, readings: Mapping[str, float]) -> Row:
    first = sums.oldest_open
    oldest = "none" if first is None else f"{first.seq:,} of epoch {first.epoch}"
    spool = readings.get(SPOOL_BYTES)
    return Row(sums=sums, oldest=oldest, spool=NOT_REPORTED if spool is None else size(spool))


def _ranges(shown: Sequence[AgentSums], reads: Reads) -> Iterator[Range]:
    """Unexplained ones before named ones, of each agent the oldest first."""
    troubled = [one for one in shown if one.unexplained or one.declared][:MOST_AGENTS_WITH_RANGES]
    found = [(one, epoch, gap) for one in troubled for epoch, gap in reads.gaps(one.agent_id, MOST_RANGES + 1)]
    for state in SHOWN_STATES:
        for one, epoch, gap in found:
            if gap.state is state:
                yield _range(one, epoch, gap)


def _range(one: AgentSums, epoch: int, gap: Gap) -> Range:
    numbers = f"{gap.first_seq:,}" if gap.count == 1 else f"{gap.first_seq:,} to {gap.last_seq:,}"
    numbers += "" if gap.step == 1 else ", every other one,"
    return Range(
        agent_id=one.agent_id,
        name=one.name,
        numbers=f"{numbers} of epoch {epoch}",
        records=gap.count,
        what=_what(gap),
        since_ms=gap.since_ms,
    )


def _what(gap: Gap) -> str:
    if gap.state is GapState.UNEXPLAINED:
        return f"unexplained: {count(gap.count, 'record')} that nobody has and nobody named"
    return f"{gap.reason}: {LOSS_WORDS[gap.reason]}" if gap.reason in LOSS_WORDS else gap.reason
