"""Keeping batches: everything or nothing, and once however often it comes."""

import pytest
from sqlalchemy import Engine, text

from health.state import State
from store import commands, fence, quarantine
from store.agents import fleet_state, get_agent, system_of
from store.engine import reading, transaction
from store.flow import last_flow
from store.ingest import keep_batch
from store.model import Batch, Check, CheckKey, CommandOutcome, Flow, KeptBatch
from store.snapshots import latest, stored_sequences
from store.tables import metadata
from tests.contract.store.builders import KEY, NOW_MS, account, agent, at, batch, change, gap, hello, poison, snapshot


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def everything() -> Batch:
    return batch(
        agents=[agent("web-1", host_name="web"), agent("db-1")],
        snapshots=[snapshot(2), snapshot(3), snapshot(1, "db-1")],
        records=[hello(1)],
        systems={"web-1": b'{"kernel":"6.1"}'},
        quarantined=[poison(b"{"), poison(b"{"), poison(b"[")],
        checks=[Check(key=KEY, state=State.WARNING, since_ms=NOW_MS, value=91.5)],
        incidents=[change()],
        outcomes=[CommandOutcome(command_id="c1", outcome="done", detail="", received_ms=NOW_MS)],
        accounts=account(assigned_seq=9, stored=3, gaps=[gap(4, 9)]),
        canary_sent_ms=NOW_MS - 3,
    )


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """All that the store holds."""
    with reading(engine) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
        }


def test_counts_what_is_new_and_what_was_there(store_engine: Engine, epoch: int) -> None:
    first = keep_batch(store_engine, batch(snapshots=[snapshot(2), snapshot(3)], records=[hello(1)]), epoch)
    assert first == KeptBatch(new_records=3, duplicates=0, incident_numbers={})
    second = keep_batch(
        store_engine, batch(snapshots=[snapshot(3), snapshot(4), snapshot(4)], records=[hello(1)]), epoch
    )
    assert second == KeptBatch(new_records=1, duplicates=3, incident_numbers={})


def test_an_empty_batch_is_kept(store_engine: Engine, epoch: int) -> None:
    before = rows(store_engine)
    assert keep_batch(store_engine, Batch(), epoch) == KeptBatch(new_records=0, duplicates=0, incident_numbers={})
    assert rows(store_engine) == before


PEOPLES = {"api_key", "command", "notice", "mute", "dependency", "group_setting", "group_told", "retirement"}
NOT_OF_BATCHES = PEOPLES | {"suspect", "rule_file"}


def test_the_same_batch_again_changes_nothing(store_engine: Engine, epoch: int) -> None:
    first = keep_batch(store_engine, everything(), epoch)
    before = rows(store_engine)
    again = keep_batch(store_engine, everything(), epoch)
    assert (again.new_records, again.duplicates) == (0, first.new_records)
    assert again.incident_numbers == first.incident_numbers
    assert rows(store_engine) == before
    assert {name for name, kept in before.items() if not kept} == NOT_OF_BATCHES


def test_a_record_that_is_kept_stays_as_it_is(store_engine: Engine, epoch: int) -> None:
    kept = snapshot(1, readings={"cpu.usage_percent": 5.0}, extra=b"{}")
    keep_batch(store_engine, batch(snapshots=[kept], records=[hello(2, raw=b"first")]), epoch)
    changed = snapshot(1, readings={"cpu.usage_percent": 99.0}, received_ms=NOW_MS + 1)
    keep_batch(store_engine, batch(snapshots=[changed], records=[hello(2, raw=b"second")]), epoch)
    with reading(store_engine) as connection:
        assert latest(connection, at(kept)) == kept
        assert connection.execute(text("SELECT raw FROM record")).scalar() == b"first"


def test_agents_are_replaced_whole_and_the_last_of_a_batch_wins(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, Batch(agents=[agent(host_name="old", goodbye_ms=1, goodbye_reason="stopped")]), epoch)
    newest = agent(host_name="new", seq=2**53 - 1, last_assigned_seq=2**53 - 1, has_system_info=True)
    keep_batch(store_engine, Batch(agents=[agent(host_name="between"), newest]), epoch)
    with reading(store_engine) as connection:
        assert get_agent(connection, "web-1") == newest


def test_the_newest_state_replaces_the_old(store_engine: Engine, epoch: int) -> None:
    pending = Check(key=KEY, state=State.OK, since_ms=1, value=1.0, pending=State.CRITICAL, pending_since_ms=NOW_MS)
    settled = Check(key=KEY, state=State.CRITICAL, since_ms=NOW_MS, value=99.5)
    keep_batch(store_engine, batch(checks=[settled, pending], systems={"web-1": b"old"}, canary_sent_ms=1), epoch)
    with reading(store_engine) as connection:
        assert fleet_state(connection).checks == {KEY: pending}
    keep_batch(store_engine, batch(checks=[settled], systems={"web-1": b"new"}, canary_sent_ms=NOW_MS - 3), epoch)
    with reading(store_engine) as connection:
        assert fleet_state(connection).checks == {KEY: settled}
        assert fleet_state(connection).agents == {"web-1": agent()}
        assert system_of(connection, "web-1") == b"new"
        assert last_flow(connection) == Flow(sent_ms=NOW_MS - 3, stored_ms=NOW_MS)


def test_whole_and_broken_numbers_are_kept_together(store_engine: Engine, epoch: int) -> None:
    values = {"records-unexplained": 3, "clock-skew": -31.5, "disk-full": 2**53}
    keys = {rule: CheckKey("web-1", rule, "") for rule in values}
    found = [Check(key=keys[rule], state=State.WARNING, since_ms=1, value=value) for rule, value in values.items()]
    keep_batch(store_engine, batch(checks=found), epoch)
    with reading(store_engine) as connection:
        assert {key.rule: check.value for key, check in fleet_state(connection).checks.items()} == values


def test_the_first_outcome_of_a_command_stays(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(), epoch)
    with transaction(store_engine) as connection:
        sent = commands.add(
            connection, command_id="c1", agent_id="web-1", kind="poll", created_ms=NOW_MS, expires_ms=NOW_MS + 9
        )
        assert commands.get(connection, "c1") == sent
    for outcome in ("done", "failed"):
        told = CommandOutcome(command_id="c1", outcome=outcome, detail="why", received_ms=NOW_MS + 5)
        keep_batch(store_engine, batch(outcomes=[told]), epoch)
    with reading(store_engine) as connection:
        kept = commands.get(connection, "c1")
    assert kept is not None
    assert (kept.outcome, kept.detail, kept.finished_ms) == ("done", "why", NOW_MS + 5)


def test_an_agent_nobody_told_of_is_a_mistake_that_keeps_nothing(store_engine: Engine, epoch: int) -> None:
    before = rows(store_engine)
    with pytest.raises(LookupError, match="db-1, web-2"):
        keep_batch(
            store_engine,
            batch(snapshots=[snapshot()], systems={"web-2": b""}, incidents=[change(key=CheckKey("db-1", "r", ""))]),
            epoch,
        )
    assert rows(store_engine) == before


def test_text_that_no_database_takes_is_kept_readable(store_engine: Engine, epoch: int) -> None:
    nasty = poison(
        b"\x00\xff",
        routing_key="a\x00b",
        message_id="\udc80",
        headers={"x\x00": "\ud800 \U0001f600"},
        detail="\x00" * 3,
    )
    keep_batch(store_engine, batch(quarantined=[nasty]), epoch)
    with reading(store_engine) as connection:
        [entry] = quarantine.list_entries(connection, before=None, limit=10)
        kept = quarantine.get(connection, entry.no)
    assert kept is not None
    assert (kept.body, kept.headers) == (nasty.body, nasty.headers)
    assert (kept.routing_key, kept.message_id, kept.detail) == ("a\\x00b", "\\udc80", "\\x00" * 3)


def test_equal_messages_in_quarantine_are_two(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(quarantined=[poison(b"{"), poison(b"{")]), epoch)
    with reading(store_engine) as connection:
        assert quarantine.count(connection) == 2


def test_both_sequences_of_an_agent_are_listed_in_order(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, everything(), epoch)
    keep_batch(store_engine, batch(snapshots=[snapshot(1, epoch=2)], records=[hello(10, epoch=1)]), epoch)
    with reading(store_engine) as connection:
        assert stored_sequences(connection, "web-1") == [(1, 1), (1, 2), (1, 3), (1, 10), (2, 1)]
        assert stored_sequences(connection, "nobody") == []


def test_a_failure_at_the_end_leaves_nothing_of_the_batch(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    before = rows(store_engine)
    monkeypatch.setattr("store.ingest.keep_changes", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        keep_batch(store_engine, everything(), epoch)
    assert rows(store_engine) == before
