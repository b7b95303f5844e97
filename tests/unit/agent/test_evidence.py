"""Evidence: when there is some, what is in it, and how large it gets."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.black_box import BlackBox
from agent.evidence import MOST_PER_PERIOD, Allowance, Made, Witness
from agent.host import Host
from agent.top_processes import MOST_BY_EACH, Use, busiest, top_processes
from health.state import State
from rabbitmq.records import Evidence, ProcessShare, encode_record
from tests.unit.agent.local import DISK_PLACE, change
from tests.unit.agent.stamping import stamper

HOST = Host(Path("/proc"), Path("/sys"), Path("/"), "host")


def use(process_id: int, cpu_seconds: float, memory_bytes: int = 0, started_seconds: float = 1.0) -> Use:
    return Use(process_id, f"p{process_id}\x1b", started_seconds, cpu_seconds, memory_bytes)


class Watched:
    """A witness of this machine with a full black box."""

    def __init__(self) -> None:
        self.box = BlackBox(HOST)
        now_seconds = time.monotonic()
        for second in range(130):
            self.box.note(now_seconds - 129 + second)
        self.woken = threading.Event()
        self.witness = Witness(self.box, HOST, self.woken.set)

    def made(self) -> Sequence[Made]:
        assert self.woken.wait(30)
        return list(self.witness.take())


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_check_that_turned_bad_leaves_a_record_of_the_last_two_minutes(watched: Watched) -> None:
    watched.witness.changed(change())
    (made,) = watched.made()
    record = made.record(stamper()(1, 1))
    assert isinstance(record, Evidence)
    assert (record.rule, record.subject, record.state) == (*DISK_PLACE, "critical")
    assert len(record.samples) in (119, 120)
    assert {len(row) for row in record.samples} == {1 + len(record.names)}
    assert record.processes
    assert len(encode_record(record)) < 16 * 1024
    watched.box.close()


def test_one_that_got_better_leaves_none(watched: Watched) -> None:
    watched.witness.changed(change(State.WARNING, State.CRITICAL))
    watched.witness.changed(change(State.OK, State.WARNING))
    watched.witness.changed(change(State.CRITICAL, State.WARNING))
    assert [made.change.before for made in watched.made()] == [State.WARNING]
    watched.box.close()


def test_processes_that_cannot_be_read_do_not_cost_the_rest(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_proc: Path) -> list[ProcessShare]:
        raise OSError("no /proc")

    monkeypatch.setattr("agent.evidence.top_processes", broken)
    watched.witness.changed(change())
    (made,) = watched.made()
    assert (bool(made.samples), made.processes) == (True, [])
    watched.box.close()


def test_of_one_check_there_is_one_in_five_minutes() -> None:
    allowance = Allowance()
    assert allowance.take(DISK_PLACE, 1000.0) is None
    assert allowance.take(DISK_PLACE, 1299.0) == "there was one of this check within 300 s"
    assert allowance.take(("cpu-usage", ""), 1299.0) is None
    assert allowance.take(DISK_PLACE, 1300.0) is None


def test_there_are_no_more_than_six_an_hour() -> None:
    allowance = Allowance()
    taken = [allowance.take(("x", str(number)), 1000.0 + number) for number in range(MOST_PER_PERIOD + 1)]
    assert taken == [None] * MOST_PER_PERIOD + ["there were 6 within the hour"]
    assert allowance.take(("y", ""), 4600.0) is None


def test_the_busiest_then_the_largest_each_once() -> None:
    before = [use(number, 0.0) for number in range(20)]
    after = [use(number, number / 100, memory_bytes=1000 - number) for number in range(20)]
    shares = busiest(before, after, 0.2)
    assert [share.process_id for share in shares] == [19, 18, 17, 16, 15, 0, 1, 2, 3, 4]
    assert (shares[0].cpu_percent, shares[0].memory_bytes, shares[0].name) == (95.0, 981, "p19")
    assert len(shares) == 2 * MOST_BY_EACH


def test_a_number_that_was_given_again_is_another_process() -> None:
    before, after = [use(1, 0.0), use(2, 0.0)], [use(1, 0.1, started_seconds=9.0), use(2, 0.1)]
    shares = busiest(before, after, 0.2)
    assert [(share.process_id, share.cpu_percent) for share in shares] == [(2, 50.0), (1, 0.0)]


def test_this_machines_processes_can_be_read() -> None:
    rests: list[float] = []
    assert top_processes(Path("/proc"), sleep=rests.append)
    assert rests == [0.2]


def test_without_room_for_a_thread_there_is_evidence_without_processes(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_room)
    watched.witness.changed(change())
    (made,) = watched.made()
    assert (bool(made.samples), made.processes) == (True, [])
    watched.box.close()


def no_room(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
