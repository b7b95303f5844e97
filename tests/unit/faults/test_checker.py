"""Each rule of the checker is silent on a good run and turns red on its own violation."""

from dataclasses import replace

import pytest

from faults.checker import MOST_AGENT_RSS_BYTES, Excuse, Measured, judge
from faults.digest import digest_of_body, digest_of_snapshot
from faults.evidence import AccountRow, IncidentStep, Kept, QuarantinedRow, StoredSnapshot, keys_of
from faults.scripted_disk import READING
from faults.witness import Confirm, Content, Key, Witnessed
from rabbitmq.records import Loss

AGENT, EPOCH = "a1", 1 << 32
RECORDS = 40
LOST_SEQ = 4
QUARANTINED_SEQ = 5
QUARANTINED_BODY = b'{"agent_id":"a1","epoch":%d,"seq":5}' % EPOCH
EXCUSE = Excuse(losses=("full",), quarantines=("key-reused",))
FULL_FROM, FULL_TO = 10, 24  # seqs whose disk is full: longer than the rule's hold time


def key(seq: int) -> Key:
    return Key(AGENT, EPOCH, seq)


def snapshot(seq: int) -> StoredSnapshot:
    value = 97.0 if FULL_FROM <= seq <= FULL_TO else 40.0
    return StoredSnapshot(key(seq), seq * 1000, seq * 1000 + 50, {READING: value}, {"interval_seconds": 1.0})


def content(seq: int) -> Content:
    if seq == RECORDS:
        return Content(key(seq), "loss")
    item = snapshot(seq)
    digest = digest_of_snapshot(item.wall_ms, item.readings, item.extra)
    return Content(key(seq), digest_of_body(QUARANTINED_BODY) if seq == QUARANTINED_SEQ else digest)


def loss(reason: str = "full") -> Loss:
    return Loss(
        agent_id=AGENT, epoch=EPOCH, seq=RECORDS, boot_id="b", wall_seconds=1.0, boot_seconds=1.0,
        lost_epoch=EPOCH, first_seq=LOST_SEQ, last_seq=LOST_SEQ, count=1, size_bytes=10, reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip


class GoodRun:
    """40 records of one agent: one named as lost, one in quarantine, the others stored, one incident."""

    def __init__(self) -> None:
        seqs = range(1, RECORDS + 1)
        snapshots = [snapshot(seq) for seq in seqs if seq not in (LOST_SEQ, QUARANTINED_SEQ, RECORDS)]
        self.seen = Witnessed(
            intents={key(seq): {content(seq).digest} for seq in seqs},
            offers={content(seq) for seq in seqs},
            published=[key(seq) for seq in seqs if seq != LOST_SEQ],
            confirmations={content(seq) for seq in seqs if seq != LOST_SEQ},
        )
        self.kept = Kept(
            stored=[*(content(item.key.seq) for item in snapshots), content(RECORDS)],
            quarantined=[QuarantinedRow("key-reused", AGENT, None, QUARANTINED_BODY)],
            losses=[loss()],
            snapshots=snapshots,
            incidents=[step(20, "opened"), step(35, "closed")],
            accounts=[AccountRow(AGENT, EPOCH, RECORDS, RECORDS - 2, 3, {"declared": 1, "quarantined": 1})],
        )
        self.measured = Measured(1024, 1024, 1024)

    def violations(self) -> list[str]:
        return judge(self.seen, self.kept, self.measured, 0.0, excuse=EXCUSE).violations


def step(seq: int, change: str, rule: str = "disk-usage") -> IncidentStep:
    return IncidentStep(AGENT, EPOCH, seq, rule, 'mount="/faults"', change)


@pytest.fixture
def run() -> GoodRun:
    return GoodRun()


def test_a_good_run_is_green_and_counted(run: GoodRun) -> None:
    verdict = judge(run.seen, run.kept, run.measured, 2.5, excuse=EXCUSE)
    assert verdict.violations == []
    assert (verdict.offered, verdict.stored, verdict.quarantined, verdict.declared) == (40, 38, 1, 1)
    assert (verdict.duplicates, verdict.drain_seconds, verdict.judged_agents, verdict.judged_steps) == (3, 2.5, 1, 2)


def test_c1_a_confirmed_record_that_is_gone(run: GoodRun) -> None:
    run.seen.confirmations.add(content(LOST_SEQ))
    assert [item[:3] for item in run.violations()] == ["C1:"]


def test_c1_quarantine_is_not_for_everything(run: GoodRun) -> None:
    """40 good records that the processor could not digest are no stored records."""
    rows = [QuarantinedRow("processor-error", AGENT, None, b'{"agent_id":"a1","epoch":%d,"seq":%d}' % (EPOCH, seq))
            for seq in range(1, RECORDS + 1)]  # fmt: skip
    run.kept = Kept(quarantined=rows, accounts=[AccountRow(AGENT, EPOCH, RECORDS, 0, 0, {"quarantined": RECORDS})])
    assert run.violations() == ["C1: in quarantine without need: 40 processor-error"]
    assert judge(run.seen, run.kept, run.measured, 0.0).quarantined == RECORDS


def test_c1_of_a_number_given_twice_each_record_counts(run: GoodRun) -> None:
    """One is stored; the other was offered and confirmed, too, and is nowhere."""
    other = Content(key(7), "other")
    run.seen.offers.add(other)
    run.seen.confirmations.add(other)
    run.seen.intents[key(7)].add("other")
    named = "only another record of its number is here: ('a1', 4294967296, 7)"
    assert run.violations() == [f"C1: confirmed, and {named}", f"C2: offered, and {named}"]
    body = b'{"agent_id":"a1","epoch":%d,"seq":7,"new":1}' % EPOCH
    run.kept.quarantined.append(QuarantinedRow("key-reused", AGENT, None, body))
    assert f"C1: confirmed, and {named}" in run.violations()
    for contents in (run.seen.offers, run.seen.confirmations):
        contents.remove(other)
        contents.add(Content(key(7), digest_of_body(body)))
    assert run.violations() == []


def test_c3_a_number_is_given_once_where_no_fault_takes_an_agents_memory(run: GoodRun) -> None:
    run.seen.offers.add(Content(key(RECORDS), "other"))
    excuse = Excuse(losses=("full",))
    found = judge(run.seen, run.kept, run.measured, 0.0, excuse).violations
    assert "C3: a number given to two records: ('a1', 4294967296, 40)" in found
    assert not any(item.startswith("C3: a number given") for item in run.violations())


def test_what_is_damaged_in_quarantine_stands_for_what_was_sent(run: GoodRun) -> None:
    damaged = QuarantinedRow("not-json", AGENT, f"{AGENT}/{EPOCH}/{QUARANTINED_SEQ}-{QUARANTINED_SEQ}", b"{")
    run.kept.quarantined[0] = damaged
    excuse = Excuse(losses=("full",), quarantines=("not-json",))
    assert judge(run.seen, run.kept, run.measured, 0.0, excuse).violations == []


def test_c2_an_offered_record_that_nobody_explains(run: GoodRun) -> None:
    run.kept.losses.clear()
    assert any(item.startswith("C2: offered and unexplained: ('a1', 4294967296, 4)") for item in run.violations())


def test_c2_a_number_that_nobody_knows(run: GoodRun) -> None:
    run.kept.losses.clear()
    run.seen.offers.discard(content(LOST_SEQ))
    assert any(item.startswith("C2: a number without a record") for item in run.violations())


def test_c2_a_loss_without_need(run: GoodRun) -> None:
    run.kept.losses[0] = loss("released")
    assert run.violations() == ["C2: records named as lost without need: released"]


def test_c3_a_record_from_nowhere(run: GoodRun) -> None:
    run.kept.stored.append(Content(key(41), "x"))
    assert any(item.startswith("C3: stored and never offered") for item in run.violations())


def test_c3_a_record_with_other_content(run: GoodRun) -> None:
    run.kept.stored[0] = Content(run.kept.stored[0].key, "other")
    assert any(item.startswith("C3: stored with other content") for item in run.violations())


def test_c3_a_record_twice(run: GoodRun) -> None:
    run.kept.stored.append(run.kept.stored[0])
    assert any(item.startswith("C3: stored twice") for item in run.violations())


def test_c3_lets_an_agent_be_that_has_no_witness(run: GoodRun) -> None:
    run.kept.stored.append(Content(Key("stranger", EPOCH, 1), "x"))
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
        assert judge(run.seen, run.kept, run.measured, 0.0, EXCUSE, dead=[AGENT]).violations == red


def test_what_a_dead_agent_kept_in_memory_is_gone_but_nothing_before_it(run: GoodRun) -> None:
    """The last two were never confirmed; the one that is lost is, or is not, behind the last confirmed one."""
    tail = {Content(key(seq), "tail") for seq in (41, 42)}
    run.seen.offers |= tail
    run.kept.incidents.append(timed("agent-silent", 60_000))
    assert len(run.violations()) == 1
    assert judge(run.seen, run.kept, run.measured, 0.0, EXCUSE, dead=[AGENT]).violations == []
    run.seen.confirmations |= tail
    assert judge(run.seen, run.kept, run.measured, 0.0, EXCUSE, dead=[AGENT]).violations != []


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


@pytest.mark.parametrize(("rule", "agent_id"), [("pipeline", "hub"), ("group-silent", "hub")])
def test_c4_what_is_said_of_all_ends(run: GoodRun, rule: str, agent_id: str) -> None:
    run.kept.snapshots = [replace(item, received_ms=item.received_ms + 9_000) for item in run.kept.snapshots]
    silences = [timed("agent-silent", 20_000, f"a{number}") for number in range(2, 5)]
    ends = [timed("agent-silent", 30_000, step.agent_id, "closed") for step in silences]
    run.kept.incidents += [*silences, *ends, timed(rule, 20_000, agent_id)]
    assert [item.split(":")[1][-8:] for item in run.violations()] == ["for ever"]
    run.kept.incidents.append(timed(rule, 21_000, agent_id, "closed"))
    assert run.violations() == []


def test_c4_the_way_is_not_broken_while_records_come_at_once(run: GoodRun) -> None:
    run.kept.incidents += [timed("pipeline", 30_000, "hub"), timed("pipeline", 31_000, "hub", "closed")]
    assert [item[:52] for item in run.violations()] == ["C4: the way called broken while records came at once"]


def test_c4_a_row_about_incidents_has_some(run: GoodRun) -> None:
    run.kept.incidents.clear()
    run.kept.snapshots = [replace(item, readings={READING: 40.0}) for item in run.kept.snapshots]
    for is_about, red in ((True, ["C4 judged nothing: no incident began or ended, have a Switch turn"]), (False, [])):
        verdict = judge(run.seen, run.kept, run.measured, 0.0, EXCUSE, is_about_incidents=is_about)
        assert (verdict.violations, verdict.judged_steps) == (red, 0)


def test_c7_a_plain_agent_has_less_room_than_one_that_its_row_makes_larger(run: GoodRun) -> None:
    run.measured = replace(run.measured, agent_rss_bytes=MOST_AGENT_RSS_BYTES + 1)
    assert run.violations() == ["C7: an agent's memory has 40000001 bytes, allowed are 40000000"]
    excuse = replace(EXCUSE, most_agent_rss_bytes=MOST_AGENT_RSS_BYTES + 1)
    assert judge(run.seen, run.kept, run.measured, 0.0, excuse).violations == []


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
    verdict = judge(run.seen, run.kept, run.measured, 0.0, excuse=EXCUSE, restarts_ms=[1])
    assert len(verdict.violations) == reds
