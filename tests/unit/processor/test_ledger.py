"""The account of an epoch, beside a plain list of what became of each number."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processor.ledger import ASK_AGAIN_MS, ASK_FROM_AGE_MS, UNEXPLAINED_AFTER_MS, Ledger
from rabbitmq.statement import MOST_MISSING_RANGES, MOST_MISSING_RECORDS
from store.record_account import EpochAccount, Gap, GapState

ON_DISK, IN_MEMORY = 2 << 32 | 7, 3 << 32 | 7
SEQ = st.integers(1, 60)


def ledger_of(epoch: int = ON_DISK) -> Ledger:
    return Ledger(EpochAccount(agent_id="web-3", epoch=epoch))


def hear(ledger: Ledger, last_assigned: int, oldest_unconfirmed: int, now_ms: int = 0) -> None:
    ledger.hear(
        last_assigned_seq=last_assigned, oldest_kept_seq=1, oldest_unconfirmed_seq=oldest_unconfirmed, now_ms=now_ms
    )


def ranges(ledger: Ledger, state: GapState) -> list[tuple[int, int]]:
    return [(gap.first_seq, gap.last_seq) for gap in ledger.gaps if gap.state is state]


class LedgerMachine(RuleBasedStateMachine):
    """Drives drafts, commits, failed commits and restarts; `fates` is the plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.draft = ledger_of()
        self.fates: dict[int, str] = {}
        self.rows: dict[int, Gap] = {}
        self.account = EpochAccount(agent_id="web-3", epoch=ON_DISK)
        self.kept_fates: dict[int, str] = {}

    def assign(self, last: int) -> None:
        for seq in range(len(self.fates) + 1, last + 1):
            self.fates[seq] = "open"

    @rule(seq=SEQ)
    def see(self, seq: int) -> None:
        self.assign(seq)
        assert self.draft.see(seq, self.now_ms) is (self.fates[seq] != "stored")
        self.fates[seq] = "stored"
        assert self.draft.has_stored(seq)

    @rule(first=SEQ, count=st.integers(1, 20), step=st.sampled_from([1, 1, 2, 3]), named=st.booleans())
    def name(self, first: int, count: int, step: int, named: bool) -> None:
        numbers = range(first, first + count, step)
        fate = "declared" if named else "quarantined"
        (self.draft.declare if named else self.draft.quarantine)(numbers, "full", self.now_ms)
        self.assign(numbers[-1])
        for seq in numbers:
            if self.fates[seq] in ("open", "unexplained"):
                self.fates[seq] = fate

    @rule(last=SEQ, unconfirmed=st.integers(0, 61))
    def hear(self, last: int, unconfirmed: int) -> None:
        hear(self.draft, last, unconfirmed, self.now_ms)
        self.assign(last)

    @rule(wait_ms=st.sampled_from([1_000, ASK_FROM_AGE_MS, ASK_AGAIN_MS]))
    def ask(self, wait_ms: int) -> None:
        self.now_ms += wait_ms
        asked = self.draft.ask(self.now_ms, ASK_AGAIN_MS * 3)
        for first, last in asked:
            assert last < self.draft.oldest_unconfirmed_seq
            assert {self.fates[seq] for seq in range(first, last + 1)} == {"open"}
        for gap in self.draft.gaps:
            for seq in gap.numbers if gap.state is GapState.UNEXPLAINED else ():
                assert self.fates[seq] in ("open", "unexplained")
                self.fates[seq] = "unexplained"

    @rule()
    def commit(self) -> None:
        changes = self.draft.changes()
        for first in changes.closed:
            del self.rows[first]
        self.rows |= {gap.first_seq: gap for gap in changes.kept}
        self.account = changes.account
        self.kept_fates = dict(self.fates)
        self.draft = self.draft.draft()

    @rule()
    def restart(self) -> None:
        """A failed commit, or a new processor: what was not committed never happened."""
        self.draft = Ledger(self.account, [self.rows[first] for first in sorted(self.rows)]).draft()
        self.fates = dict(self.kept_fates)

    @invariant()
    def every_number_has_its_fate(self) -> None:
        gaps = self.draft.gaps
        told = {seq: str(gap.state) for gap in gaps for seq in gap.numbers}
        assert told == {seq: fate for seq, fate in self.fates.items() if fate != "stored"}
        assert self.draft.assigned_seq == len(self.fates)
        assert self.draft.assigned_seq == self.draft.stored + sum(gap.count for gap in gaps)
        assert self.draft.unexplained == list(self.fates.values()).count("unexplained")

    @invariant()
    def settled_is_what_comes_before_the_first_open_number(self) -> None:
        open_numbers = [seq for seq, fate in self.fates.items() if fate == "open"]
        assert self.draft.settled_seq == min(open_numbers, default=len(self.fates) + 1) - 1
        assert self.draft.has_open_gaps is bool(open_numbers)

    @precondition(lambda self: self.rows)
    @invariant()
    def rows_share_no_number(self) -> None:
        numbers = [seq for row in self.rows.values() for seq in row.numbers]
        assert len(numbers) == len(set(numbers)) == sum(row.count for row in self.rows.values())


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@settings(deadline=None)
@given(order=st.permutations(range(1, 41)), copies=st.lists(SEQ.filter(lambda seq: seq <= 40)))
def test_any_order_with_copies_closes_the_account(order: list[int], copies: list[int]) -> None:
    ledger = ledger_of()
    sent = [*order, *copies]
    assert sum(ledger.see(seq, 0) for seq in sent) == 40
    assert (ledger.assigned_seq, ledger.stored, ledger.duplicates, ledger.gaps) == (40, 40, len(copies), [])


def test_what_the_broker_lost_is_asked_for_and_nothing_else() -> None:
    ledger = ledger_of()
    for seq in (1, 2, 6, 9):
        ledger.see(seq, 0)
    hear(ledger, last_assigned=12, oldest_unconfirmed=8)
    assert ledger.ask(ASK_FROM_AGE_MS - 1) == []
    assert ledger.ask(ASK_FROM_AGE_MS) == [(3, 5)]  # 7 to 8 and 10 to 12 may be on their way
    assert ledger.ask(ASK_FROM_AGE_MS + ASK_AGAIN_MS - 1) == []
    assert ledger.ask(ASK_FROM_AGE_MS + ASK_AGAIN_MS) == [(3, 5)]


def test_a_question_is_bounded() -> None:
    ledger = ledger_of()
    ledger.see(3 * MOST_MISSING_RECORDS, 0)
    hear(ledger, 3 * MOST_MISSING_RECORDS, 3 * MOST_MISSING_RECORDS + 1)
    assert [ledger.ask(now_ms) for now_ms in (10_000, 11_000, 12_000, 13_000)] == [
        [(1, 1000)],
        [(1001, 2000)],
        [(2001, 2999)],
        [],
    ]
    two = ledger_of()
    for seq in (1, 602, 1203):
        two.see(seq, 0)
    hear(two, 1203, 1204)
    assert two.ask(ASK_FROM_AGE_MS) == [(2, 601), (603, 1002)]
    scattered = ledger_of()
    for seq in range(2, 1000, 2):
        scattered.see(seq, 0)
    hear(scattered, 1000, 1001)
    assert len(scattered.ask(ASK_FROM_AGE_MS)) == MOST_MISSING_RANGES


def test_what_nobody_has_is_unexplained_after_a_quarter_of_an_hour_of_asking() -> None:
    ledger = ledger_of()
    ledger.see(2, 0)
    hear(ledger, 2, 3)
    now_ms, asked = 0, []
    while not ledger.unexplained:
        now_ms += 1_000
        asked += [now_ms for _ in ledger.ask(now_ms)]
    assert asked[-1] - asked[0] >= UNEXPLAINED_AFTER_MS
    assert ledger.settled_seq == 2
    ledger.see(1, now_ms)
    assert (ledger.unexplained, ledger.gaps) == (0, [])


def test_an_epoch_in_memory_names_its_rest_when_it_ends() -> None:
    ledger = ledger_of(IN_MEMORY)
    for seq in (1, 2, 5):
        ledger.see(seq, 0)
    hear(ledger, 7, 5)
    ledger.end(9_000)
    assert [(gap.first_seq, gap.last_seq, gap.state, gap.reason) for gap in ledger.gaps] == [
        (3, 4, GapState.DECLARED, "disk"),
        (6, 7, GapState.DECLARED, "disk"),
    ]
    assert ledger.settled_seq == 2  # its agent may still live and send them: it must not free them


def test_an_epoch_on_disk_does_not_end_with_its_process() -> None:
    ledger = ledger_of(ON_DISK)
    ledger.see(3, 0)
    ledger.end(9_000)
    assert ranges(ledger, GapState.OPEN) == [(1, 2)]


def test_numbers_of_a_draining_backlog_are_one_row() -> None:
    ledger = ledger_of()
    for second in range(50):
        ledger.see(second + 1, second * 1000)
        hear(ledger, 200 + second, second, second * 1000)
    assert ranges(ledger, GapState.OPEN) == [(51, 249)]


@pytest.mark.parametrize("loss_first", [True, False])
def test_a_thinned_spool_of_80000_records_is_one_gap(loss_first: bool) -> None:
    ledger = ledger_of()
    kept = list(range(1, 80_001, 2))
    random.Random(7).shuffle(kept)
    if loss_first:
        ledger.declare(range(2, 80_001, 2), "thinned", 0)
        assert ledger.settled_seq == 0
    for seq in kept:
        ledger.see(seq, 0)
    ledger.declare(range(2, 80_001, 2), "thinned", 0)
    [gap] = ledger.gaps
    assert (gap.numbers, gap.count) == (range(2, 80_001, 2), 40_000)
    assert (ledger.stored, ledger.settled_seq) == (40_000, 80_000)
    draft = ledger.draft()
    draft.see(4, 0)
    assert draft.changes().closed == []
    assert [gap.numbers for gap in draft.changes().kept] == [range(2, 3), range(6, 80_001, 2)]


def test_a_thinned_part_that_was_given_up_later_is_two_gaps() -> None:
    ledger = ledger_of()
    for first in range(1, 9_001, 1_000):
        ledger.declare(range(first + 1, first + 1_000, 2), "thinned", 0)
    for first in range(1, 9_001, 500):
        ledger.declare(range(first, first + 500, 2), "full", 0)
    assert [(gap.reason, gap.numbers) for gap in ledger.gaps] == [
        ("full", range(1, 9_001, 2)),
        ("thinned", range(2, 9_001, 2)),
    ]


def test_what_a_thin_part_lacks_is_asked_for_number_by_number() -> None:
    ledger = ledger_of()
    for seq in (1, 3, 5):
        ledger.see(seq, 0)
    hear(ledger, 5, 6)
    assert ledger.ask(ASK_FROM_AGE_MS) == [(2, 2), (4, 4)]
    for seq in range(7, 101, 2):
        ledger.see(seq, 0)
    hear(ledger, 101, 11)
    assert ledger.ask(2 * ASK_FROM_AGE_MS) == [(6, 6), (8, 8), (10, 10)]
    ledger.declare(range(2, 102, 2), "thinned", 0)
    assert [(gap.state, gap.numbers) for gap in ledger.gaps] == [
        (GapState.DECLARED, range(2, 101, 2)),
        (GapState.OPEN, range(101, 102)),
    ]
