"""Results wait for the agent within bounds, and go in the pieces that a record can hold."""

import logging

import msgspec
import pytest

from agent.checks.finished import KEPT_BYTES, TAKEN_BYTES, Finished, FinishedCheck
from rabbitmq.records import CheckResult


def finished(number: int, output: str = "") -> FinishedCheck:
    result = CheckResult(
        name=str(number), kind="command", state="ok", output=output, wall_seconds=number, duration_seconds=0.0
    )
    return FinishedCheck(result, {'check.value{check="a",label="b"}': 1.0})


def test_what_is_taken_is_in_order_and_taken_once() -> None:
    kept = Finished()
    for number in range(3):
        kept.add(finished(number))
    assert [each.result.name for each in kept.take()] == ["0", "1", "2"]
    assert kept.take() == []


def test_one_take_fits_into_a_record_and_the_next_has_the_rest() -> None:
    kept = Finished()
    for number in range(50):
        kept.add(finished(number, "ä" * 4096))
    takes = []
    while taken := kept.take():
        assert len(msgspec.json.encode(taken)) <= TAKEN_BYTES + 100
        takes += taken
    assert [each.result.name for each in takes] == [str(number) for number in range(50)]


def test_the_oldest_are_dropped_when_nobody_takes_and_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    kept = Finished()
    with caplog.at_level(logging.WARNING, "checks"):
        for number in range(1000):
            kept.add(finished(number, "x" * 4096))
    assert len(caplog.records) == 1
    takes = []
    while taken := kept.take():
        takes += taken
    names = [int(each.result.name) for each in takes]
    assert names == list(range(names[0], 1000))
    assert len(msgspec.json.encode(takes)) <= KEPT_BYTES + 1000


def test_an_agent_that_takes_in_time_loses_nothing_however_long_it_runs() -> None:
    kept = Finished()
    for number in range(1000):
        kept.add(finished(number, "x" * 4096))
        assert [each.result.name for each in kept.take()] == [str(number)]
