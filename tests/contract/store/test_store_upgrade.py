"""A database of an earlier version, with rows in it, becomes one of this version."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from store import delivery, quarantine
from store.agents import fleet_state
from store.engine import open_engine, reading, transaction
from store.incidents import get_incident
from store.migrate import migrate, require_current
from store.model import Agent
from store.record_account import EpochAccount, Gap, GapState

NOW_MS = 1_790_000_000_000
SNAPSHOT = "INSERT INTO snapshot VALUES (:time_ms, :agent_no, :epoch, :seq, :time_ms, 1, :numbers, NULL)"
RECORD = "INSERT INTO record VALUES (:agent_no, :epoch, :seq, 'hello', :time_ms, :time_ms, :raw)"
AGENT = """
    INSERT INTO agent (agent_no, agent_id, interval_ms, first_seen_ms, last_seen_ms, epoch, seq, last_assigned_seq,
                       has_system_info)
    VALUES (:agent_no, :agent_id, 5000, :first_seen_ms, :last_seen_ms, :epoch, :seq, :last_assigned_seq, :has)
"""
QUARANTINE = """
    INSERT INTO quarantine (received_ms, place, routing_key, headers, reason, detail, sha256, body)
    VALUES (:received_ms, 0, 'web-1', '{}', 'not-json', '', :sha256, :body)
"""

INCIDENT = """
    INSERT INTO incident (number, agent_no, rule, subject, severity, title, sentence, value, metric, limit_value,
                          opened_ms, updated_ms, remedies)
    VALUES (:number, 1, 'disk-full', :subject, 'critical', 'full', 'it is full', 99.5, 'disk', 90, 1, 2, '[]')
"""
ENTRY = """
    INSERT INTO incident_event (event_no, number, change, severity, at_ms, received_ms, epoch, seq, value, sentence)
    VALUES (:event_no, :number, 'opened', 'critical', 1, 1, 1, :event_no, 99.5, 'it is full')
"""


@pytest.fixture
def first_version(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    yield engine
    engine.dispose()


def add_agent(connection: Connection, agent_no: int, agent_id: str, **fields: Any) -> None:
    row = {"first_seen_ms": NOW_MS, "last_seen_ms": NOW_MS + 9, "epoch": 1, "seq": 1, "last_assigned_seq": 1}
    connection.execute(text(AGENT), row | {"agent_no": agent_no, "agent_id": agent_id, "has": False} | fields)


def add_snapshots(connection: Connection, agent_no: int, epoch: int, *seqs: int, time_ms: int = 0) -> None:
    rows = [
        {"time_ms": time_ms or NOW_MS + seq, "agent_no": agent_no, "epoch": epoch, "seq": seq, "numbers": b""}
        for seq in seqs
    ]
    connection.execute(text(SNAPSHOT), rows)


def add_hello(connection: Connection, agent_no: int, epoch: int, seq: int) -> None:
    row = {"agent_no": agent_no, "epoch": epoch, "seq": seq, "time_ms": NOW_MS, "raw": b"{}"}
    connection.execute(text(RECORD), row)


def accounts(engine: Engine) -> dict[tuple[str, int], tuple[EpochAccount, list[Gap]]]:
    with reading(engine) as connection:
        found = fleet_state(connection).accounts
    return {(account.agent_id, account.epoch): (account, list(gaps)) for account, gaps in found}


def in_transit(first_seq: int, last_seq: int) -> Gap:
    return Gap(first_seq=first_seq, last_seq=last_seq, state=GapState.OPEN, since_ms=NOW_MS + 9)


def before_account(first_seq: int, last_seq: int) -> Gap:
    return replace(in_transit(first_seq, last_seq), state=GapState.DECLARED, reason="before-account")


def test_accounts_are_made_from_the_rows_that_exist(first_version: Engine) -> None:
    with transaction(first_version) as connection:
        add_agent(connection, 1, "web-1", epoch=2, seq=4, last_assigned_seq=9)
        add_hello(connection, 1, 1, 1)
        add_snapshots(connection, 1, 1, 2, 3, 6, 7, 10)
        add_snapshots(connection, 1, 1, 10, time_ms=NOW_MS)  # one number at two times is one record
        add_snapshots(connection, 1, 2, 1, 2, 4)
        add_agent(connection, 2, "whole", seq=3, last_assigned_seq=3)
        add_snapshots(connection, 2, 1, 1, 2, 3)
        add_agent(connection, 3, "silent", epoch=0, seq=0, last_assigned_seq=0)
    migrate(first_version)
    require_current(first_version)
    assert accounts(first_version) == {
        ("web-1", 1): (
            EpochAccount(agent_id="web-1", epoch=1, assigned_seq=10, stored=6),
            [in_transit(4, 5), in_transit(8, 9)],
        ),
        ("web-1", 2): (
            EpochAccount(agent_id="web-1", epoch=2, assigned_seq=9, stored=3),
            [in_transit(3, 3), in_transit(5, 9)],
        ),
        ("whole", 1): (EpochAccount(agent_id="whole", epoch=1, assigned_seq=3, stored=3), []),
    }
    with reading(first_version) as connection:
        page = delivery.sums(connection, None, 10)
    assert [(item.agent_id, item.assigned, item.stored, item.in_transit) for item in page.agents] == [
        ("silent", 0, 0, 0),
        ("web-1", 19, 9, 10),
        ("whole", 3, 3, 0),
    ]


def test_what_age_may_have_taken_from_the_beginning_is_named_and_not_asked_for(first_version: Engine) -> None:
    with transaction(first_version) as connection:
        add_agent(connection, 1, "older", first_seen_ms=NOW_MS, seq=8, last_assigned_seq=8)
        add_snapshots(connection, 1, 1, 5, 6, 8)
        add_agent(connection, 2, "newer", first_seen_ms=NOW_MS + 6, seq=7, last_assigned_seq=7)
        add_snapshots(connection, 2, 1, 6, 7)
        add_agent(connection, 3, "expired", first_seen_ms=NOW_MS - 9, seq=2, last_assigned_seq=2)
    migrate(first_version)
    gaps = {key: gaps for key, (_, gaps) in accounts(first_version).items()}
    assert gaps == {
        ("older", 1): [before_account(1, 4), in_transit(7, 7)],
        ("newer", 1): [in_transit(1, 5)],
        ("expired", 1): [before_account(1, 2)],
    }


def test_agents_and_quarantined_messages_stay_as_they_were(first_version: Engine) -> None:
    with transaction(first_version) as connection:
        add_agent(connection, 1, "web-1")
        for body in (b"{", b"\x00\xff\x00"):
            row = {"received_ms": NOW_MS, "sha256": body.hex(), "body": body}
            connection.execute(text(QUARANTINE), row)
    migrate(first_version)
    with reading(first_version) as connection:
        agent = fleet_state(connection).agents["web-1"]
        newest, oldest = quarantine.list_entries(connection, None, 10)
        total = quarantine.total(connection)
        kept = quarantine.get(connection, newest.no)
    assert agent == Agent(
        agent_id="web-1", first_seen_ms=NOW_MS, last_seen_ms=NOW_MS + 9, epoch=1, seq=1, last_assigned_seq=1
    )
    assert [(entry.size_bytes, entry.body_kept) for entry in (newest, oldest)] == [(3, True), (1, True)]
    assert total == quarantine.QuarantineTotal(entries=2, bodies=2, body_bytes=4, dropped=0)
    assert kept is not None
    assert kept.body == b"\x00\xff\x00"


def test_nobody_judges_what_an_earlier_version_may_have_dropped_for_its_age(first_version: Engine) -> None:
    with transaction(first_version) as connection:
        flow = text("INSERT INTO flow (one, sent_ms, stored_ms) VALUES (1, :sent_ms, :stored_ms)")
        connection.execute(flow, {"sent_ms": NOW_MS, "stored_ms": NOW_MS + 3})
    migrate(first_version)
    with reading(first_version) as connection:
        assert connection.execute(text("SELECT dropped_before_ms FROM fence")).scalar() == NOW_MS + 3


def test_incidents_keep_their_timelines_and_their_rules(first_version: Engine) -> None:
    with transaction(first_version) as connection:
        add_agent(connection, 1, "web-1")
        for number in (3, 8):
            connection.execute(text(INCIDENT), {"number": number, "subject": f"/{number}"})
            connection.execute(text(ENTRY), {"number": number, "event_no": number * 10})
    migrate(first_version)
    with transaction(first_version) as connection:
        kept = [get_incident(connection, number) for number in (3, 8)]
        assert [(one.number, one.key.subject, one.opened_ms, len(one.timeline)) for one in kept if one] == [
            (3, "/3", 1, 1),
            (8, "/8", 1, 1),
        ]
        connection.execute(text("DELETE FROM incident WHERE number = 8"))
        assert connection.execute(text("SELECT number, event_no FROM incident_event")).all() == [(3, 30)]
    with pytest.raises(IntegrityError), transaction(first_version) as connection:
        connection.execute(text(INCIDENT), {"number": 9, "subject": "/3"})  # a second open one of the same check
    with pytest.raises(IntegrityError), transaction(first_version) as connection:
        connection.execute(text(ENTRY), {"number": 8, "event_no": 90})
