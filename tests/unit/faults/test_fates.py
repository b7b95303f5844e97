"""Who ends unasked, or not in order when asked, is found; who was killed by a row is not."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults import program
from faults.fates import ended_unasked, stopped_in_order
from faults.program import Program
from faults.run import Run
from tests.waiting import wait_for

Start = Callable[[str, int], Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def run(how: str, code: int) -> Program:
        module = ("tests.unit.faults.ending_program", how, str(code))
        started.append(Program(f"agent-{len(started)}", module, {}, tmp_path))
        started[-1].start()
        return started[-1]

    yield run
    for each in started:
        each.kill()


def ended(each: Program) -> Program:
    wait_for(lambda: not each.is_alive, "it ends", within_seconds=30)
    return each


@pytest.mark.parametrize("code", [0, 1])
def test_one_that_ended_by_itself_is_found_even_when_it_was_started_again(start: Start, code: int) -> None:
    one = ended(start("ends", code))
    assert ended_unasked([one]) == [f"C8: ended without being asked: agent-0 with {code}"]
    one.start()
    one.kill()
    assert one.own_ends[:1] == [code]
    assert ended_unasked([], [one]) == ([f"C8: ended without being asked: agent-0 with {code}"] if code else [])


def test_one_that_was_killed_was_asked(start: Start) -> None:
    one = start("obeys", 0)
    one.kill()
    assert (ended_unasked([one]), len(one.deaths_ms), stopped_in_order([one])) == ([], 1, [])


def test_one_that_obeys_ends_in_order_though_it_had_just_been_started(start: Start) -> None:
    one = start("obeys", 0)
    assert stopped_in_order([one]) == []
    assert (ended_unasked([one]), one.deaths_ms, one.exit_code) == ([], [], 0)


def test_when_one_stood_still_no_more_is_known(start: Start) -> None:
    """A processor that slept knows as little of the queue as one that was started."""
    one = start("obeys", 0)
    run = Run.__new__(Run)
    run.processors = [one]
    assert run._restarts_ms() == []
    one.freeze()
    one.thaw()
    assert run._restarts_ms() == one.thawed_ms != []


def test_another_exit_code_is_not_in_order(start: Start) -> None:
    assert stopped_in_order([start("obeys", 1)]) == ["C8: asked to stop and did not end in order: agent-0 with 1"]


def test_one_that_does_not_obey_is_not_in_order(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "STOP_SECONDS", 0.2)
    one = start("ignores", 0)
    assert stopped_in_order([one]) == [
        f"C8: asked to stop and did not end in order: agent-0 with {-signal.SIGKILL.value}"
    ]
    assert len(one.deaths_ms) == 1
