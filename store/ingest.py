"""Keeping a batch: everything one batch of deliveries changes, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update

from health.machine import Standing
from store import accounts, fence, quarantine_intake, retirement
from store.engine import transaction
from store.incident_changes import keep_changes
from store.layouts import keep_layouts
from store.model import Agent, Batch, Check, CommandOutcome, KeptBatch, Quarantined
from store.packing import Layout, packed
from store.reused_keys import find_reused, find_reused_by_repeats
from store.tables import agent, agent_columns, check_state, command, flow, quarantine, record, snapshot, system
from store.upsert import Row, insert_new, upsert

AgentNumbers = Mapping[str, int]


def keep_batch(engine: Engine, batch: Batch, fence_epoch: int) -> KeptBatch:
    """Keep all of a batch or, when this raises, nothing of it. The same batch once more changes nothing more.

    1. Whoever lost the fence keeps nothing (`Fenced`).
    2. Agents come first: every other row names its agent by number. An agent that is neither in the batch nor known
       is a mistake of the caller (`LookupError`).
    3. Snapshots and records that are there already stay as they are and count as duplicates; one whose key is there
       with other content goes to quarantine.
    4. The newest state replaces the old: systems, checks, the canary. A command's first outcome stays.
    5. The accounts are written as whole rows, gaps that closed go first.
    6. Repeats are compared with what is kept and never inserted: copies count as duplicates, others go to quarantine.
    7. Quarantined messages that the batch takes in leave the quarantine, wishes it deals with are no more.
    8. Each change of an incident is applied once.

    Raises StoreUnavailable when the database cannot do it now.
    """
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        _keep_agents(connection, batch.agents)
        agent_nos = _agent_numbers(connection, batch)
        new, reused = _keep_records(connection, batch, agent_nos)
        _keep_systems(connection, batch, agent_nos)
        _keep_checks(connection, batch.checks, agent_nos)
        accounts.keep_changes(connection, batch.accounts, agent_nos)
        if batch.redriven:
            quarantine_intake.remove(connection, quarantine.c.no.in_(batch.redriven))
        quarantine_intake.add(connection, [*batch.quarantined, *reused])
        if batch.retired:
            retirement.remove(connection, batch.retired)
        _keep_outcomes(connection, batch.outcomes)
        _keep_canary(connection, batch)
        numbers = keep_changes(connection, batch.incidents, agent_nos)
    duplicates = len(batch.snapshots) + len(batch.records) + len(batch.repeats) - new - len(reused)
    return KeptBatch(new_records=new, duplicates=duplicates, incident_numbers=numbers, key_reused=reused)


def _keep_records(connection: Connection, batch: Batch, agent_nos: AgentNumbers) -> tuple[int, tuple[Quarantined, ...]]:
    """How many were new, and what came under a key that has other content."""
    new_snapshots = insert_new(connection, snapshot, _snapshot_rows(connection, batch, agent_nos))
    new_records = insert_new(connection, record, _record_rows(batch, agent_nos))
    reused: list[Quarantined] = []
    if new_snapshots < len(batch.snapshots):
        reused += find_reused(connection, batch.snapshots, agent_nos)
    if new_records < len(batch.records):
        reused += find_reused(connection, batch.records, agent_nos)
    reused += find_reused_by_repeats(connection, batch.repeats, agent_nos)
    return new_snapshots + new_records, tuple(reused)


def _keep_agents(connection: Connection, agents: Sequence[Agent]) -> None:
    names = [column.name for column in agent_columns]
    newest = {item.agent_id: item for item in agents}
    upsert(connection, agent, ["agent_id"], [{name: getattr(item, name) for name in names} for item in newest.values()])


def _agent_numbers(connection: Connection, batch: Batch) -> AgentNumbers:
    wanted = set(batch.systems) | accounts.agent_ids(batch.accounts)
    for sent in (batch.agents, batch.snapshots, batch.records, batch.repeats):
        wanted |= {item.agent_id for item in sent}
    for decided in (batch.checks, batch.incidents):
        wanted |= {item.key.agent_id for item in decided}
    rows = connection.execute(select(agent.c.agent_id, agent.c.agent_no).where(agent.c.agent_id.in_(sorted(wanted))))
    numbers = {row.agent_id: row.agent_no for row in rows}
    if unknown := wanted - numbers.keys():
        raise LookupError(f"agents neither in the batch nor in the store: {', '.join(sorted(unknown))}")
    return numbers


def _snapshot_rows(connection: Connection, batch: Batch, agent_nos: AgentNumbers) -> Sequence[Row]:
    if not batch.snapshots:
        return ()
    readings = [packed(item.readings) for item in batch.snapshots]
    used_ms: dict[Layout, int] = {}
    for item, its in zip(batch.snapshots, readings, strict=True):
        used_ms[its.layout] = max(used_ms.get(its.layout, 0), item.wall_ms, item.received_ms)
    layout_nos = keep_layouts(connection, used_ms)
    return [
        {
            "time_ms": item.wall_ms,
            "agent_no": agent_nos[item.agent_id],
            "epoch": item.epoch,
            "seq": item.seq,
            "received_ms": item.received_ms,
            "layout_no": layout_nos[its.layout.sha256],
            "numbers": its.numbers,
            "extra": item.extra,
        }
        for item, its in zip(batch.snapshots, readings, strict=True)
    ]


def _record_rows(batch: Batch, agent_nos: AgentNumbers) -> Sequence[Row]:
    return [
        {
            "agent_no": agent_nos[item.agent_id],
            "epoch": item.epoch,
            "seq": item.seq,
            "kind": item.kind,
            "time_ms": item.wall_ms,
            "received_ms": item.received_ms,
            "raw": item.raw,
        }
        for item in batch.records
    ]


def _keep_systems(connection: Connection, batch: Batch, agent_nos: AgentNumbers) -> None:
    rows = [
        {"agent_no": agent_nos[agent_id], "received_ms": batch.received_ms, "raw": raw}
        for agent_id, raw in batch.systems.items()
    ]
    upsert(connection, system, ["agent_no"], rows)


def _keep_checks(connection: Connection, checks: Sequence[Check], agent_nos: AgentNumbers) -> None:
    newest = {item.key: item for item in checks}
    names = [item.name for item in fields(Standing)]
    rows: list[dict[str, Any]] = [
        {"agent_no": agent_nos[key.agent_id], "rule": key.rule, "subject": key.subject}
        | {name: getattr(item, name) for name in names}
        for key, item in newest.items()
    ]
    upsert(connection, check_state, ["agent_no", "rule", "subject"], rows)


def _keep_outcomes(connection: Connection, outcomes: Sequence[CommandOutcome]) -> None:
    if not outcomes:
        return
    unfinished = (command.c.command_id == bindparam("id")) & command.c.outcome.is_(None)
    rows = [
        {"id": item.command_id, "outcome": item.outcome, "detail": item.detail, "finished_ms": item.received_ms}
        for item in outcomes
    ]
    connection.execute(update(command).where(unfinished), rows)


def _keep_canary(connection: Connection, batch: Batch) -> None:
    if batch.canary_sent_ms is not None:
        upsert(connection, flow, ["one"], [{"one": 1, "sent_ms": batch.canary_sent_ms, "stored_ms": batch.received_ms}])
