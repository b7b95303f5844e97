"""Epochs of one agent rise, and fit what JSON readers in JavaScript keep exactly."""

from pathlib import Path

import pytest

from agent.epoch import LARGEST_COUNTER, TICKS_A_SECOND, is_of_memory, memory_epoch, open_epoch
from rabbitmq.records import LARGEST_EXACT_INTEGER


def test_each_is_above_all_before_it(tmp_path: Path) -> None:
    epochs = [open_epoch(tmp_path / "counter") for _ in range(20)]
    assert epochs == sorted(set(epochs))
    assert [epoch >> 32 for epoch in epochs] == list(range(2, 42, 2))


def test_one_in_memory_is_above_the_last_on_disk_and_below_the_next(tmp_path: Path) -> None:
    before = open_epoch(tmp_path / "counter")
    first = memory_epoch(above=before)
    second = memory_epoch(above=first)
    after = open_epoch(tmp_path / "counter", above=first)
    assert before < first < second
    assert first < after
    assert [is_of_memory(epoch) for epoch in (before, first, second, after)] == [False, True, True, False]


def test_those_in_memory_rise_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.epoch.time.time", lambda: 1_800_000_000.0)
    first = memory_epoch(above=4 << 32)
    monkeypatch.setattr("agent.epoch.time.time", lambda: 1_800_000_000.0 + 1 / TICKS_A_SECOND)
    assert (first >> 32, memory_epoch(above=4 << 32)) == (5, first + 1)


def test_a_known_epoch_stands_for_a_counter_that_is_damaged_or_old(tmp_path: Path) -> None:
    (tmp_path / "counter").write_bytes(b"\xff")
    assert open_epoch(tmp_path / "counter", above=8 << 32) >> 32 == 10
    (tmp_path / "counter").write_bytes(b"3")
    assert open_epoch(tmp_path / "counter", above=8 << 32) >> 32 == 10


def test_two_agents_that_lost_everything_still_differ(tmp_path: Path) -> None:
    assert open_epoch(tmp_path / "a") != open_epoch(tmp_path / "b")


def test_the_last_one_still_fits_and_the_next_is_refused(tmp_path: Path) -> None:
    counter_file = tmp_path / "counter"
    counter_file.write_text(str(LARGEST_COUNTER - 2))
    assert open_epoch(counter_file) <= LARGEST_EXACT_INTEGER
    with pytest.raises(OSError, match="no higher epoch"):
        open_epoch(counter_file)


@pytest.mark.parametrize("damage", [b"", b"twelve", b"\xff\xff"])
def test_a_damaged_counter_is_never_guessed(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "counter").write_bytes(damage)
    with pytest.raises(OSError, match="holds no counter"):
        open_epoch(tmp_path / "counter")
    assert (tmp_path / "counter").read_bytes() == damage
