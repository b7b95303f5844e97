"""Each rule of the checker is silent on a good run and turns red on its own violation."""

from dataclasses import replace

import pytest

from faults.checker import Excuse, Measured, judge
from faults.digest import digest_of_snapshot
from faults.evidence import AccountRow, IncidentStep, Kept, QuarantinedRow, StoredSnapshot, keys_of
from faults.scripted_disk import READING
from faults.witness import Confirm, Key, Witnessed
from rabbitmq.records import Loss

AGENT, EPOCH = "a1", 1 << 32
RECORDS = 40
LOST_SEQ = 4
FULL_FROM, FULL_TO = 10, 24  # seqs whose disk is full: longer than the rule's hold time


def key(seq: int) -> Key:
    return Key(AGENT, EPOCH, seq)


def snapshot(seq: int) -> StoredSnapshot:
    value = 97.0 if FULL_FROM <= seq <= FULL_TO else 40.0
    return StoredSnapshot(key(seq), seq * 1000, seq * 1000 + 50, {READING: value}, {"interval_seconds": 1.0})


def loss(reason: str = "full") -> Loss:
    return Loss(
        agent_id=AGENT, epoch=EPOCH, seq=RECORDS, boot_id="b", wall_seconds=1.0, boot_seconds=1.0,
        lost_epoch=EPOCH, first_seq=LOST_SEQ, last_seq=LOST_SEQ, count=1, size_bytes=10, reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip


class GoodRun:
    """40 records of one agent: one named as lost, one in quarantine, the others stored, one incident."""

    def __init__(self) -> None:
        seqs = range(1, RECORDS + 1)
        snapshots = [snapshot(seq) for seq in seqs if seq not in (LOST_SEQ, 5, RECORDS)]
        stored = [(item.key, digest_of_snapshot(item.wall_ms, item.readings)) for item in snapshots]
        self.seen = Witnessed(
            intents={key(seq): {digest_of_snapshot(seq * 1000, snapshot(seq).readings)} for seq in seqs},
            offered={key(seq) for seq in seqs},
            published=[key(seq) for seq in seqs if seq != LOST_SEQ],
            confirmed={key(seq) for seq in seqs if seq != LOST_SEQ},
        )
        self.seen.intents[key(RECORDS)].add("loss")
        self.kept = Kept(
            stored=[*stored, (key(RECORDS), "loss")],
            quarantined=[QuarantinedRow("key-reused", AGENT, None, b'{"agent_id":"a1","epoch":%d,"seq":5}' % EPOCH)],
            losses=[loss()],
            snapshots=snapshots,
            incidents=[step(20, "opened"), step(35, "closed")],
            accounts=[AccountRow(AGENT, EPOCH, RECORDS, RECORDS - 2, 3, {"declared": 1, "quarantined": 1})],
        )
        self.measured = Measured(1024, 1024, 1024)

    def violations(self) -> list[str]:
        return judge(self.seen, self.kept, self.measured, 0.0, excuse=Excuse(losses=("full",))).violations


def step(seq: int, change: str, rule: str = "disk-usage") -> IncidentStep:
    return IncidentStep(AGENT, EPOCH, seq, rule, 'mount="/faults"', change)


@pytest.fixture
def run() -> GoodRun:
    return GoodRun()


def test_a_good_run_is_green_and_counted(run: GoodRun) -> None:
    verdict = judge(run.seen, run.kept, run.measured, 2.5, excuse=Excuse(losses=("full",)))
    assert verdict.violations == []
    assert (verdict.offered, verdict.stored, verdict.quarantined, verdict.declared) == (40, 38, 1, 1)
    assert (verdict.duplicates, verdict.drain_seconds, verdict.judged_agents) == (3, 2.5, 1)


def test_c1_a_confirmed_record_that_is_gone(run: GoodRun) -> None:
    run.seen.confirmed.add(key(LOST_SEQ))
    assert [item[:3] for item in run.violations()] == ["C1:"]


def test_c2_an_offered_record_that_nobody_explains(run: GoodRun) -> None:
    run.kept.losses.clear()
    assert any(item.startswith("C2: offered and unexplained: ('a1', 4294967296, 4)") for item in run.violations())


def test_c2_a_number_that_nobody_knows(run: GoodRun) -> None:
    run.kept.losses.clear()
    run.seen.offered.discard(key(LOST_SEQ))
    assert any(item.startswith("C2: a number without a record") for item in run.violations())


def test_c2_a_loss_without_need(run: GoodRun) -> None:
    run.kept.losses[0] = loss("released")
    assert run.violations() == ["C2: records named as lost without need: released"]


def test_c3_a_record_from_nowhere(run: GoodRun) -> None:
    run.kept.stored.append((key(41), "x"))
    assert any(item.startswith("C3: stored and never offered") for item in run.violations())


def test_c3_a_record_with_other_content(run: GoodRun) -> None:
    run.kept.stored[0] = (run.kept.stored[0][0], "other")
    assert any(item.startswith("C3: stored with other content") for item in run.violations())


def test_c3_a_record_twice(run: GoodRun) -> None:
    run.kept.stored.append(run.kept.stored[0])
    assert any(item.startswith("C3: stored twice") for item in run.violations())


def test_c3_lets_an_agent_be_that_has_no_witness(run: GoodRun) -> None:
    run.kept.stored.append((Key("stranger", EPOCH, 1), "x"))
    assert run.violations() == []


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ([step(20, "opened")], "should be there"),
        ([step(20, "opened"), step(35, "closed"), step(36, "opened")], "should not be there"),
        ([step(20, "opened"), step(35, "closed"), step(1, "opened", "records-unexplained")], "about the account"),
    ],
)
def test_c4_incidents_that_differ_from_the_fold(run: GoodRun, steps: list[IncidentStep], rule: str) -> None:
    run.kept.incidents = steps
    assert any(item.startswith("C4") and rule in item for item in run.violations())


def test_c4_one_agent_called_silent_while_it_spoke(run: GoodRun) -> None:
    run.seen.made_ms = {key(seq): seq * 1000 for seq in range(1, 41)}
    run.seen.confirms = [Confirm(key(seq), seq * 1000 + 40, "7/1") for seq in range(1, 41)]
    run.kept.incidents += [timed("agent-silent", 20_500), timed("agent-silent", 21_500, change="closed")]
    assert [item[:33] for item in run.violations()] == ["C4: called silent while it spoke:"]


def test_c4_one_that_is_dead_is_called_silent(run: GoodRun) -> None:
    green = timed("agent-silent", 60_000)
    for incidents, red in (([], ["C4: dead and not called silent: a1"]), ([green], [])):
        run.kept.incidents[2:] = incidents
        assert judge(run.seen, run.kept, run.measured, 0.0, Excuse(losses=("full",)), dead=[AGENT]).violations == red


def test_what_a_dead_agent_kept_in_memory_is_gone_but_nothing_before_it(run: GoodRun) -> None:
    """The last two were never confirmed; the one that is lost is, or is not, behind the last confirmed one."""
    run.seen.offered |= {key(41), key(42)}
    run.kept.incidents.append(timed("agent-silent", 60_000))
    assert len(run.violations()) == 1
    excuse = Excuse(losses=("full",))
    assert judge(run.seen, run.kept, run.measured, 0.0, excuse, dead=[AGENT]).violations == []
    run.seen.confirmed.add(key(42))
    assert judge(run.seen, run.kept, run.measured, 0.0, excuse, dead=[AGENT]).violations != []


def timed(rule: str, at_ms: int, agent_id: str = AGENT, change: str = "opened") -> IncidentStep:
    return IncidentStep(agent_id, EPOCH, 1, rule, "", change, at_ms)


@pytest.mark.parametrize("rule", ["disk-full-soon", "load-unusual"])
def test_c4_a_timer_cannot_open_within_its_hold_time(run: GoodRun, rule: str) -> None:
    run.kept.incidents.append(timed(rule, 60_000))
    assert [item[:45] for item in run.violations()] == ["C4: an incident that no timer can have opened"]
    run.kept.incidents[-1] = timed(rule, 3_600_000)
    assert run.violations() == []


def test_c4_a_fleet_of_one_has_no_incident(run: GoodRun) -> None:
    run.kept.incidents.append(timed("disks-of-the-fleet", 3_600_000, "hub"))
    assert [item[:45] for item in run.violations()] == ["C4: an incident that no timer can have opened"]


def test_c4_a_silence_ends_when_records_come(run: GoodRun) -> None:
    run.kept.incidents.append(timed("agent-silent", 20_000))
    assert [item[:31] for item in run.violations()] == ["C4: a silence that never ended:"]
    run.kept.incidents.append(timed("agent-silent", 21_000, change="closed"))
    assert run.violations() == []


@pytest.mark.parametrize("name", ["spool_bytes", "agent_rss_bytes", "processor_rss_bytes"])
def test_c7_what_grew_too_large(run: GoodRun, name: str) -> None:
    run.measured = replace(run.measured, **{name: 2**40})
    assert [item[:3] for item in run.violations()] == ["C7:"]


@pytest.mark.parametrize(
    "changed",
    [
        {"stored": RECORDS - 3},
        {"gaps": {"declared": 1, "quarantined": 1, "open": 1}, "assigned_seq": RECORDS + 1},
        {"gaps": {"declared": 2}},
        {"gaps": {"declared": 1, "unexplained": 1}},
        {"assigned_seq": RECORDS + 1},
    ],
)
def test_an_account_that_says_something_else(run: GoodRun, changed: dict[str, object]) -> None:
    run.kept.accounts[0] = replace(run.kept.accounts[0], **changed)  # type: ignore[arg-type]
    assert run.violations()
    assert all(item.startswith("account:") for item in run.violations())


def test_an_epoch_without_account(run: GoodRun) -> None:
    run.kept.accounts.clear()
    assert [item[:8] for item in run.violations()] == ["account:"]


@pytest.mark.parametrize(
    ("reason", "message_id", "body", "seqs"),
    [
        ("identity-conflict", "a1/4294967296/7-9", b'{"agent_id":"a1","epoch":4294967296,"seq":8}', [8]),
        ("invalid-record", "a1/4294967296/7-9", b'{"agent_id":"a1","epoch":4294967296,"seq":8,"x":"\xff"}', [8]),
        ("invalid-record", "a1/4294967296/7-9", b"{", []),
        ("not-json", "a1/4294967296/7-9", b"{", [7, 8, 9]),
        ("not-json", "something else", b"{", []),
        ("foreign-agent-id", "a1/4294967296/7-9", b'{"agent_id":"other","epoch":4294967296,"seq":8}', [7, 8, 9]),
        ("not-json", None, b"", []),
    ],
)
def test_which_records_lie_in_quarantine(reason: str, message_id: str | None, body: bytes, seqs: list[int]) -> None:
    assert [item.seq for item in keys_of(QuarantinedRow(reason, AGENT, message_id, body))] == seqs


@pytest.mark.parametrize(("incidents", "reds"), [([], 1), ([step(2, "opened")], 2)])
def test_c4_holds_after_a_restart_of_the_processor_too(run: GoodRun, incidents: list[IncidentStep], reds: int) -> None:
    run.kept.incidents[:] = incidents
    excuse = Excuse(losses=("full",))
    verdict = judge(run.seen, run.kept, run.measured, 0.0, excuse=excuse, was_restarted=True)
    assert len(verdict.violations) == reds
