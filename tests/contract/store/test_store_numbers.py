"""A number that people or programs remember is never given to another row."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, func, insert, select

from store import fence, tables
from store.engine import transaction
from store.ingest import keep_batch
from store.model import Change
from store.response_tables import mute, notice
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

TIMES = {"created_ms": NOW_MS, "author": "ada", "reason": "works", "starts_ms": NOW_MS}
NOTICE = {"channel": "ops", "kind": "test", "dedup_key": "test", "created_ms": NOW_MS, "due_ms": NOW_MS, "payload": {}}
ENTRY = {"change": "noted", "severity": "warning", "at_ms": 0, "received_ms": 0, "epoch": 0, "value": 0, "sentence": ""}


def add_incident(connection: Connection) -> None:
    known = select(tables.agent.c.agent_no).where(tables.agent.c.agent_id == KEY.agent_id).scalar_subquery()
    its = {"rule": "r", "subject": "", "severity": "ok", "title": "", "sentence": "", "value": 0, "metric": ""}
    times = {"limit_value": 0, "opened_ms": NOW_MS, "updated_ms": NOW_MS, "remedies": []}
    connection.execute(insert(tables.incident).values(agent_no=known, **its, **times))


def add_entry(connection: Connection) -> None:
    number = select(func.min(tables.incident.c.number)).scalar_subquery()
    connection.execute(insert(tables.incident_event).values(number=number, seq=-1, **ENTRY))


def add_row(table: Table, **row: Any) -> Any:
    return lambda connection: connection.execute(insert(table).values(**row))


@pytest.mark.parametrize(
    ("table", "add"),
    [
        (tables.incident, add_incident),
        (tables.incident_event, add_entry),
        (notice, add_row(notice, **NOTICE)),
        (mute, add_row(mute, **TIMES)),
    ],
    ids=["incident", "incident_event", "notice", "mute"],
)
def test_the_number_of_a_row_that_is_gone_is_not_given_again(store_engine: Engine, table: Table, add: Any) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    keep_batch(store_engine, batch(agents=[agent()], incidents=[change(Change.OPENED, 1)]), epoch)
    (number,) = table.primary_key.columns
    with transaction(store_engine) as connection:
        add(connection)
        newest = connection.execute(select(func.max(number))).scalar_one()
        connection.execute(delete(table).where(number == newest))
    with transaction(store_engine) as connection:
        add(connection)
        assert connection.execute(select(func.max(number))).scalar_one() > newest
