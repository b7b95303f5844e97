"""Reading the account of records for people.

    assigned = stored + quarantined + declared + in transit + unexplained

It holds for each agent and in total, in every answer: all of an answer is read by one statement, from one moment.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    RowMapping,
    Select,
    Subquery,
    and_,
    func,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
)

from store.accounts import gap_columns, gap_of
from store.model import HUB
from store.record_account import Gap, GapState
from store.tables import account, agent, gap

_HALF_BITS = 32  # a sum of the numbers that faulty agents tell may have more than 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonSum:
    """What was named as lost for one reason: `records` in `ranges`."""

    reason: str
    ranges: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Numbers of records; `assigned` is the sum of the next five, a duplicate counts in no other number."""

    assigned: int = 0
    stored: int = 0
    quarantined: int = 0
    declared: int = 0
    in_transit: int = 0
    unexplained: int = 0
    duplicates: int = 0
    declared_by_reason: Sequence[ReasonSum] = field(default=())  # the most records first


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestOpen:
    """The first record in transit, by (epoch, seq), and since when it is known to be missing."""

    epoch: int
    seq: int
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSums(Sums):
    """One agent's sums over all its epochs."""

    agent_id: str
    name: str
    oldest_open: OldestOpen | None  # None when nothing is in transit


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySums:
    """A page of agents in the order of their ids, and the sums over all agents, listed or not."""

    agents: Sequence[AgentSums]
    total: Sums


def sums(connection: Connection, after: str | None, limit: int) -> DeliverySums:
    """Up to `limit` agents, those behind `after` or from the first on, and the total."""
    rows: dict[str | None, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(_statement(after, limit)).mappings():
        rows[row["agent_id"]].append(row)
    total = Sums(**_sums(rows.pop(None)))
    return DeliverySums(agents=[_agent_sums(rows[agent_id]) for agent_id in sorted(rows, key=str)], total=total)


def gaps(
    connection: Connection,
    agent_id: str,
    after: tuple[int, int] | None,
    limit: int,
    states: Collection[GapState] = tuple(GapState),
) -> list[tuple[int, Gap]]:
    """Up to `limit` gaps of an agent in these states with their epochs, by rising (epoch, first_seq), those behind
    `after`."""
    query = select(gap.c.epoch, *gap_columns).join(agent).where(agent.c.agent_id == agent_id)
    query = query.where(gap.c.state.in_(states))
    if after is not None:
        query = query.where(tuple_(gap.c.epoch, gap.c.first_seq) > after)
    ordered = query.order_by(gap.c.epoch, gap.c.first_seq).limit(limit)
    return [(epoch, gap_of(values)) for epoch, *values in connection.execute(ordered)]


# Columns of the statement: whose row it is, what its accounts sum up to, and what its gaps of one state and reason do.
_NO_AGENT = ("agent_id", "host_name", "open_epoch", "open_seq", "open_since_ms")
_ACCOUNT_SUMS = ("assigned_high", "assigned_low", "stored", "duplicates")
_GAP_SUMS = ("state", "reason", "ranges", "records_high", "records_low")


def _statement(after: str | None, limit: int) -> Any:
    """Four kinds of rows: for each agent of the page one for its accounts and one for each state and reason of its
    gaps, then the same for all agents together, without an agent's id.
    """
    named = select(agent.c.agent_no, agent.c.agent_id, agent.c.host_name).where(agent.c.agent_id != HUB)
    page = named.order_by(agent.c.agent_id).limit(limit)
    if after is not None:
        page = page.where(agent.c.agent_id > after)
    shown = page.cte("page")
    return union_all(
        _page_accounts(shown),
        _gap_sums(gap.join(shown, shown.c.agent_no == gap.c.agent_no), shown.c.agent_id),
        select(*_nulls(_NO_AGENT), *_account_sums(), *_nulls(_GAP_SUMS)),
        _gap_sums(gap),
    )


def _page_accounts(page: Any) -> Select[Any]:
    by_agent = (
        select(account.c.agent_no, *_account_sums())
        .where(account.c.agent_no.in_(select(page.c.agent_no)))
        .group_by(account.c.agent_no)
        .subquery()
    )
    opened = _open_gaps(page)
    oldest = and_(opened.c.agent_no == page.c.agent_no, opened.c.place == 1)
    return select(
        page.c.agent_id,
        page.c.host_name,
        opened.c.epoch.label("open_epoch"),
        opened.c.first_seq.label("open_seq"),
        opened.c.since_ms.label("open_since_ms"),
        *(by_agent.c[name] for name in _ACCOUNT_SUMS),
        *_nulls(_GAP_SUMS),
    ).select_from(page.outerjoin(by_agent, by_agent.c.agent_no == page.c.agent_no).outerjoin(opened, oldest))


def _open_gaps(page: Any) -> Subquery:
    """Each with its place, from 1, among its agent's open gaps."""
    place = func.row_number().over(partition_by=gap.c.agent_no, order_by=(gap.c.epoch, gap.c.first_seq))
    return (
        select(gap.c.agent_no, gap.c.epoch, gap.c.first_seq, gap.c.since_ms, place.label("place"))
        .where(gap.c.state == GapState.OPEN, gap.c.agent_no.in_(select(page.c.agent_no)))
        .subquery()
    )


def _account_sums() -> list[Label[Any]]:
    return [
        *_halves("assigned", account.c.assigned_seq),
        func.sum(account.c.stored).label("stored"),
        func.sum(account.c.duplicates).label("duplicates"),
    ]


def _gap_sums(gaps_of: FromClause, *of_agent: ColumnElement[str]) -> Select[Any]:
    groups = (*of_agent, gap.c.state, gap.c.reason)
    return (
        select(*(of_agent or _nulls(_NO_AGENT[:1])), *_nulls(_NO_AGENT[1:]), *_nulls(_ACCOUNT_SUMS))
        .add_columns(gap.c.state, gap.c.reason, func.count().label("ranges"))
        .add_columns(*_halves("records", (gap.c.last_seq - gap.c.first_seq) // gap.c.step + 1))
        .select_from(gaps_of)
        .group_by(*groups)
    )


def _halves(name: str, column: ColumnElement[int]) -> list[Label[Any]]:
    high = column.bitwise_rshift(literal_column(str(_HALF_BITS)))
    low = column.bitwise_and(literal_column(str(2**_HALF_BITS - 1)))
    return [func.sum(high).label(f"{name}_high"), func.sum(low).label(f"{name}_low")]


def _nulls(names: Iterable[str]) -> list[Label[Any]]:
    return [null().label(name) for name in names]


def _whole(row: RowMapping, name: str) -> int:
    return (int(row[f"{name}_high"] or 0) << _HALF_BITS) + int(row[f"{name}_low"] or 0)


def _agent_sums(rows: Sequence[RowMapping]) -> AgentSums:
    own = next(row for row in rows if row["state"] is None)
    return AgentSums(
        agent_id=own["agent_id"],
        name=own["host_name"] or own["agent_id"],
        oldest_open=_oldest_open(own),
        **_sums(rows),
    )


def _oldest_open(own: RowMapping) -> OldestOpen | None:
    if own["open_epoch"] is None:
        return None
    return OldestOpen(epoch=own["open_epoch"], seq=own["open_seq"], since_ms=own["open_since_ms"])


def _sums(rows: Sequence[RowMapping]) -> dict[str, Any]:
    own = next(row for row in rows if row["state"] is None)
    of_state: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows:
        of_state[row["state"]].append(row)
    records = {state: sum(_whole(row, "records") for row in of_state[state]) for state in GapState}
    reasons = [
        ReasonSum(reason=row["reason"], ranges=row["ranges"], records=_whole(row, "records"))
        for row in of_state[GapState.DECLARED]
    ]
    return {
        "assigned": _whole(own, "assigned"),
        "stored": int(own["stored"] or 0),
        "quarantined": records[GapState.QUARANTINED],
        "declared": records[GapState.DECLARED],
        "in_transit": records[GapState.OPEN],
        "unexplained": records[GapState.UNEXPLAINED],
        "duplicates": int(own["duplicates"] or 0),
        "declared_by_reason": tuple(sorted(reasons, key=lambda item: (-item.records, item.reason))),
    }
