"""Epochs of one agent rise, and fit what JSON readers in JavaScript keep exactly."""

from pathlib import Path

import pytest

from agent.epoch import LARGEST_COUNTER, open_epoch
from rabbitmq.records import LARGEST_EXACT_INTEGER


def test_each_is_above_all_before_it(tmp_path: Path) -> None:
    epochs = [open_epoch(tmp_path / "counter") for _ in range(20)]
    assert epochs == sorted(set(epochs))
    assert [epoch >> 32 for epoch in epochs] == list(range(1, 21))


def test_two_agents_that_lost_everything_still_differ(tmp_path: Path) -> None:
    assert open_epoch(tmp_path / "a") != open_epoch(tmp_path / "b")


def test_the_last_one_still_fits_and_the_next_is_refused(tmp_path: Path) -> None:
    counter_file = tmp_path / "counter"
    counter_file.write_text(str(LARGEST_COUNTER - 1))
    assert open_epoch(counter_file) <= LARGEST_EXACT_INTEGER
    with pytest.raises(OSError, match="no higher epoch"):
        open_epoch(counter_file)


@pytest.mark.parametrize("damage", [b"", b"twelve", b"\xff\xff"])
def test_a_damaged_counter_is_never_guessed(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "counter").write_bytes(damage)
    with pytest.raises(OSError, match="holds no counter"):
        open_epoch(tmp_path / "counter")
    assert (tmp_path / "counter").read_bytes() == damage
