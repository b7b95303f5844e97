"""The account of records: kept with the batch, loaded for a processor that takes over, read by people."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from store import delivery, fence
from store.agents import fleet_state, get_agent
from store.delivery import OldestOpen, ReasonSum, Sums
from store.engine import open_engine, reading
from store.ingest import keep_batch
from store.model import Batch
from store.record_account import AccountChanges, EpochAccount, EpochKey, Gap, GapState
from tests.contract.store.builders import NOW_MS, account, agent, batch, gap, snapshot

FATES = [None, *GapState]  # None: stored


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def loaded(engine: Engine) -> dict[tuple[str, int], tuple[EpochAccount, list[Gap]]]:
    with reading(engine) as connection:
        found = fleet_state(connection).accounts
    return {(kept.agent_id, kept.epoch): (kept, list(gaps)) for kept, gaps in found}


def balances(sums: Sums) -> bool:
    return sums.assigned == sums.stored + sums.quarantined + sums.declared + sums.in_transit + sums.unexplained


def test_an_account_comes_back_as_it_was_kept_with_its_gaps_in_order(store_engine: Engine, epoch: int) -> None:
    kept = EpochAccount(
        agent_id="web-1",
        epoch=1,
        assigned_seq=2**53 - 1,
        stored=4,
        duplicates=3,
        oldest_unconfirmed_seq=6,
        oldest_kept_seq=5,
        told_seq=2,
        told_ms=NOW_MS,
    )
    gaps = [
        gap(31, 39, GapState.DECLARED, reason="full", step=2),
        gap(30, 40, GapState.DECLARED, reason="thinned", step=2),
        gap(2, 2, asked_ms=NOW_MS, asked_count=7),
    ]
    changes = AccountChanges(epochs=[kept], kept_gaps=[(EpochKey("web-1", 1), item) for item in gaps])
    keep_batch(store_engine, batch(accounts=changes), epoch)
    assert loaded(store_engine) == {("web-1", 1): (kept, [gaps[2], gaps[1], gaps[0]])}


def test_gaps_are_closed_before_others_are_kept(store_engine: Engine, epoch: int) -> None:
    others = AccountChanges(
        epochs=[EpochAccount(agent_id="web-1", epoch=2), EpochAccount(agent_id="db-1", epoch=1)],
        kept_gaps=[(EpochKey("web-1", 2), gap(1, 9)), (EpochKey("db-1", 1), gap(1, 9))],
    )
    both = [agent("web-1"), agent("db-1")]
    keep_batch(store_engine, batch(agents=both, accounts=others), epoch)
    keep_batch(store_engine, batch(accounts=account(gaps=[gap(1, 9), gap(20, 29)])), epoch)
    split = account(closed=[1, 20, 99], gaps=[gap(1, 3), gap(7, 9, GapState.UNEXPLAINED)])
    for _ in range(2):
        keep_batch(store_engine, batch(accounts=split), epoch)
    assert {key: gaps for key, (_, gaps) in loaded(store_engine).items()} == {
        ("web-1", 1): [gap(1, 3), gap(7, 9, GapState.UNEXPLAINED)],
        ("web-1", 2): [gap(1, 9)],
        ("db-1", 1): [gap(1, 9)],
    }


def test_the_last_row_of_a_key_wins(store_engine: Engine, epoch: int) -> None:
    first, last = account(assigned_seq=1, gaps=[gap(1, 1)]), account(assigned_seq=2, gaps=[gap(1, 2)])
    twice = AccountChanges(epochs=[*first.epochs, *last.epochs], kept_gaps=[*first.kept_gaps, *last.kept_gaps])
    keep_batch(store_engine, batch(accounts=twice), epoch)
    assert loaded(store_engine) == {("web-1", 1): (last.epochs[0], [gap(1, 2)])}


def test_an_account_of_an_unknown_agent_is_a_mistake_that_keeps_nothing(store_engine: Engine, epoch: int) -> None:
    for changes in (account("nobody"), AccountChanges(kept_gaps=[(EpochKey("nobody", 1), gap(1, 1))])):
        with pytest.raises(LookupError, match="nobody"):
            keep_batch(store_engine, batch(snapshots=[snapshot()], accounts=changes), epoch)
    with reading(store_engine) as connection:
        assert get_agent(connection, "web-1") is None


def test_who_holds_the_identity_and_the_clock_offset_are_kept(store_engine: Engine, epoch: int) -> None:
    holder = agent(instance="7f3a", instance_epoch=2**40, instance_seq=17, clock_offset_ms=-30_000)
    keep_batch(store_engine, Batch(agents=[holder]), epoch)
    with reading(store_engine) as connection:
        assert get_agent(connection, "web-1") == holder


def test_a_batch_with_snapshots_changes_its_account_with_them_or_not_at_all(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("store.ingest.keep_changes", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        keep_batch(store_engine, batch(snapshots=[snapshot()], accounts=account(assigned_seq=1, stored=1)), epoch)
    assert loaded(store_engine) == {}


def test_sums_of_an_agent_are_over_its_epochs_and_the_total_over_all_agents(store_engine: Engine, epoch: int) -> None:
    gaps = [
        gap(4, 5, GapState.DECLARED, reason="full"),
        gap(6, 6, GapState.DECLARED, reason="age"),
        gap(7, 9, GapState.DECLARED, reason="full", step=2),
        gap(10, 10, GapState.QUARANTINED, reason="not-json"),
        gap(12, 14, GapState.UNEXPLAINED),
        gap(16, 19, since_ms=NOW_MS + 5),
        gap(20, 20, since_ms=NOW_MS + 4),
    ]
    first = account(assigned_seq=20, stored=6, duplicates=2, gaps=gaps, oldest_unconfirmed_seq=21)
    second = account(epoch=2, assigned_seq=5, stored=5, duplicates=1, oldest_unconfirmed_seq=4)
    keep_batch(store_engine, batch(agents=[agent(host_name="web")], accounts=first), epoch)
    keep_batch(store_engine, batch(accounts=second, agents=[agent(host_name="web")]), epoch)
    keep_batch(store_engine, batch(agents=[agent("db-1")], accounts=account("db-1", assigned_seq=1, stored=1)), epoch)
    keep_batch(store_engine, batch(agents=[agent("new")]), epoch)
    with reading(store_engine) as connection:
        page = delivery.sums(connection, None, 2)
        rest = delivery.sums(connection, page.agents[-1].agent_id, 2)
    db, new = page.agents
    [web] = rest.agents
    numbers = {"declared": 5, "quarantined": 1, "unexplained": 3, "in_transit": 5}
    reasons = (ReasonSum(reason="full", ranges=2, records=4), ReasonSum(reason="age", ranges=1, records=1))
    whole = Sums(assigned=26, stored=12, duplicates=3, declared_by_reason=reasons, **numbers)
    assert page.total == rest.total == whole
    assert (web.agent_id, web.name, web.assigned, web.stored) == ("web-1", "web", 25, 11)
    assert (web.declared_by_reason, web.duplicates) == (reasons, 3)
    assert web.oldest_open == OldestOpen(epoch=1, seq=16, since_ms=NOW_MS + 5)
    assert (db.name, db.assigned, db.stored, db.declared_by_reason, db.oldest_open) == ("db-1", 1, 1, (), None)
    assert (new.agent_id, new.assigned, new.oldest_open) == ("new", 0, None)


def test_the_oldest_open_gap_is_each_agents_own_by_epoch_first(store_engine: Engine, epoch: int) -> None:
    lost = gap(1, 1, GapState.DECLARED, reason="full")
    kept = [
        account(epoch=2, gaps=[gap(1, 2, since_ms=NOW_MS)]),
        account(epoch=1, gaps=[lost, gap(7, 7, since_ms=NOW_MS + 2), gap(9, 9, since_ms=NOW_MS + 1)]),
        account("db-1", epoch=3, gaps=[gap(4, 6, since_ms=NOW_MS + 3)]),
        account("lost-1", gaps=[lost]),
    ]
    keep_batch(store_engine, batch(agents=[agent(name) for name in ("web-1", "db-1", "lost-1")]), epoch)
    for accounts in kept:
        keep_batch(store_engine, batch(accounts=accounts), epoch)
    with reading(store_engine) as connection:
        oldest = {one.agent_id: one.oldest_open for one in delivery.sums(connection, None, 9).agents}
    assert oldest == {
        "web-1": OldestOpen(epoch=1, seq=7, since_ms=NOW_MS + 2),
        "db-1": OldestOpen(epoch=3, seq=4, since_ms=NOW_MS + 3),
        "lost-1": None,
    }


def test_numbers_that_only_a_faulty_agent_tells_add_up(store_engine: Engine, epoch: int) -> None:
    most = 2**63 - 2
    key = [EpochKey("web-1", number) for number in range(1, 4)]
    told = AccountChanges(
        epochs=[EpochAccount(agent_id=of.agent_id, epoch=of.epoch, assigned_seq=most) for of in key],
        kept_gaps=[(of, gap(1, most)) for of in key],
    )
    keep_batch(store_engine, batch(accounts=told), epoch)
    with reading(store_engine) as connection:
        sums = delivery.sums(connection, None, 10)
    assert sums.total.assigned == sums.total.in_transit == sums.agents[0].assigned == 3 * most


def test_gaps_are_listed_in_pages(store_engine: Engine, epoch: int) -> None:
    kept = [gap(seq, seq + 1, GapState.DECLARED, reason="full") for seq in (1, 5, 9)]
    later = gap(2, 3, asked_ms=NOW_MS, asked_count=1)
    keep_batch(store_engine, batch(accounts=account(gaps=kept)), epoch)
    keep_batch(store_engine, batch(accounts=account(epoch=2, gaps=[later])), epoch)
    with reading(store_engine) as connection:
        page = delivery.gaps(connection, "web-1", None, 2)
        rest = delivery.gaps(connection, "web-1", (page[-1][0], page[-1][1].first_seq), 9)
        assert delivery.gaps(connection, "nobody", None, 9) == []
    assert page + rest == [(1, kept[0]), (1, kept[1]), (1, kept[2]), (2, later)]


@dataclass
class Model:
    """What became of each number of one epoch, in the plainest way there is."""

    key: EpochKey
    fates: list[GapState | None] = field(default_factory=list)
    kept: list[Gap] = field(default_factory=list)

    def gaps(self) -> Iterator[Gap]:
        for seq, fate in enumerate(self.fates, 1):
            if fate is not None and (seq == 1 or self.fates[seq - 2] is not fate):
                after = next((n for n in range(seq, len(self.fates)) if self.fates[n] is not fate), len(self.fates))
                yield gap(seq, after, fate)

    def set(self, first_seq: int, number: int, fate: GapState | None) -> list[int]:
        """Returns the numbers that are stored from now on."""
        self.fates += [GapState.OPEN] * (first_seq + number - 1 - len(self.fates))
        seqs = [seq for seq in range(first_seq, first_seq + number) if self.fates[seq - 1] is not None]
        for seq in seqs:
            self.fates[seq - 1] = fate
        return [] if fate else seqs

    def changes(self) -> AccountChanges:
        before, self.kept = self.kept, list(self.gaps())
        row = EpochAccount(
            agent_id=self.key.agent_id,
            epoch=self.key.epoch,
            assigned_seq=len(self.fates),
            stored=self.fates.count(None),
        )
        gone = {item.first_seq for item in before} - {item.first_seq for item in self.kept}
        return AccountChanges(
            epochs=[row],
            closed_gaps=[(self.key, first_seq) for first_seq in gone],
            kept_gaps=[(self.key, item) for item in self.kept if item not in before],
        )


steps = st.lists(
    st.tuples(st.integers(1, 2), st.integers(1, 12), st.integers(1, 5), st.sampled_from(FATES)), min_size=1, max_size=8
)
numbers = count(1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_batches_keep_the_account_balanced(
    store_engine: Engine, epoch: int, steps: list[tuple[int, int, int, GapState | None]]
) -> None:
    name = f"agent-{next(numbers)}"
    models = {number: Model(EpochKey(name, number)) for number in (1, 2)}
    for of_epoch, first_seq, number, fate in steps:
        model = models[of_epoch]
        stored = model.set(first_seq, number, fate)
        snapshots = [snapshot(seq, name, epoch=of_epoch) for seq in stored]
        sent = batch(agents=[agent(name)], snapshots=snapshots, accounts=model.changes())
        assert keep_batch(store_engine, sent, epoch).new_records == len(stored)
        with reading(store_engine) as connection:
            sums = delivery.sums(connection, name[:-1], 5_000)
            told = delivery.gaps(connection, name, None, 100)
        own = next(item for item in sums.agents if item.agent_id == name)
        fates = [*models[1].fates, *models[2].fates]
        assert own.assigned == len(fates)
        assert balances(own)
        assert balances(sums.total)
        found = (own.stored, own.in_transit, own.quarantined, own.declared, own.unexplained)
        assert found == tuple(fates.count(one) for one in FATES)
        assert told == [(key, item) for key in (1, 2) for item in models[key].gaps()]
    assert {key: gaps for key, (_, gaps) in loaded(store_engine).items() if key[0] == name} == {
        (name, key): model.kept for key, model in models.items() if model.fates
    }


def test_a_reader_finds_a_balance_while_another_connection_writes(
    store_engine: Engine, store_url: str, epoch: int
) -> None:
    keep_batch(store_engine, batch(agents=[agent(f"a-{one}") for one in range(20)]), epoch)
    reader = open_engine(store_url)
    seen: list[Sums] = []
    first_read, over = threading.Event(), threading.Event()

    def read() -> None:
        while not over.is_set():
            with reading(reader) as connection:
                found = delivery.sums(connection, None, 7)
            seen.extend([found.total, *found.agents])
            first_read.set()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert first_read.wait(30)
        for step in range(1, 61):
            key = [EpochKey(f"a-{one}", 1) for one in range(20)]
            rows = [EpochAccount(agent_id=of.agent_id, epoch=1, assigned_seq=10 * step, stored=step) for of in key]
            gaps = [(of, gap(step + 1, 10 * step)) for of in key]
            closed = [(of, step) for of in key]
            changes = AccountChanges(epochs=rows, closed_gaps=closed, kept_gaps=gaps)
            keep_batch(store_engine, Batch(accounts=changes, received_ms=NOW_MS), epoch)
    finally:
        over.set()
        thread.join(30)
        reader.dispose()
    assert [sums for sums in seen if not balances(sums)] == []
    assert len({sums.assigned for sums in seen}) > 2
