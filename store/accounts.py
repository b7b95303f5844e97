"""Keeping the account of records, and reading it whole for a processor that takes over."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from store.record_account import AccountChanges, EpochAccount, Gap, GapState
from store.tables import account, agent, gap
from store.upsert import upsert

_ACCOUNT_COLUMNS = [field.name for field in fields(EpochAccount) if field.name != "agent_id"]
_GAP_COLUMNS = [field.name for field in fields(Gap)]
gap_columns = [gap.c[name] for name in _GAP_COLUMNS]
_DELETE_GAP = delete(gap).where(
    gap.c.agent_no == bindparam("of_agent"),
    gap.c.epoch == bindparam("of_epoch"),
    gap.c.first_seq == bindparam("closed_seq"),
)


def agent_ids(changes: AccountChanges) -> set[str]:
    """Whose accounts are changed."""
    of_gaps = {key.agent_id for pairs in (changes.closed_gaps, changes.kept_gaps) for key, _ in pairs}
    return of_gaps | {row.agent_id for row in changes.epochs}


def keep_changes(connection: Connection, changes: AccountChanges, agent_nos: Mapping[str, int]) -> None:
    """Write whole rows, so that the same changes again change nothing: gaps are closed first, then kept."""
    if changes.closed_gaps:
        closed = [
            {"of_agent": agent_nos[key.agent_id], "of_epoch": key.epoch, "closed_seq": first_seq}
            for key, first_seq in changes.closed_gaps
        ]
        connection.execute(_DELETE_GAP, closed)
    gaps = {(key, item.first_seq): item for key, item in changes.kept_gaps}
    rows: list[dict[str, Any]] = [
        {"agent_no": agent_nos[key.agent_id], "epoch": key.epoch} | {name: getattr(item, name) for name in _GAP_COLUMNS}
        for (key, _), item in gaps.items()
    ]
    upsert(connection, gap, ["agent_no", "epoch", "first_seq"], rows)
    epochs = {(row.agent_id, row.epoch): row for row in changes.epochs}
    accounts = [
        {"agent_no": agent_nos[row.agent_id]} | {name: getattr(row, name) for name in _ACCOUNT_COLUMNS}
        for row in epochs.values()
    ]
    upsert(connection, account, ["agent_no", "epoch"], accounts)


def load(connection: Connection) -> list[tuple[EpochAccount, Sequence[Gap]]]:
    """Every account with its gaps by rising first_seq."""
    gaps: dict[tuple[int, int], list[Gap]] = defaultdict(list)
    ordered = select(gap.c.agent_no, gap.c.epoch, *gap_columns).order_by(*gap.primary_key.columns)
    for agent_no, epoch, *values in connection.execute(ordered):
        gaps[agent_no, epoch].append(gap_of(values))
    query = select(account.c.agent_no, agent.c.agent_id, *(account.c[name] for name in _ACCOUNT_COLUMNS)).join(agent)
    rows = connection.execute(query.order_by(agent.c.agent_id, account.c.epoch)).mappings()
    return [
        (EpochAccount(**{name: row[name] for name in row if name != "agent_no"}), gaps[row["agent_no"], row["epoch"]])
        for row in rows
    ]


def gap_of(values: Sequence[Any]) -> Gap:
    """A gap from the columns `gap_columns`, in their order."""
    first_seq, last_seq, state, since_ms, reason, asked_ms, asked_count, step = values
    return Gap(
        first_seq=first_seq,
        last_seq=last_seq,
        state=GapState(state),
        since_ms=since_ms,
        reason=reason,
        asked_ms=asked_ms,
        asked_count=asked_count,
        step=step,
    )
