"""The high-water file tells what was assigned, or nothing at all."""

from pathlib import Path

import msgspec
import pytest

from agent.high_water import BLOCK_BYTES, RESERVED_AT_ONCE, HighWater, Mark

MARK = Mark(boot_id="boot-1", epoch=7, oldest_seq=3, last_seq=9, assigning_seq=10, earlier=[(5, 1, 2)])


def written(folder: Path, mark: Mark = MARK) -> Path:
    file = folder / "high-water"
    HighWater(file, "boot-1").write(mark)
    return file


def test_it_tells_what_was_written_with_the_numbers_reserved(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert HighWater(file, "boot-1").told == msgspec.structs.replace(MARK, reserved_seq=10 + RESERVED_AT_ONCE)
    assert file.stat().st_size == BLOCK_BYTES


def test_within_a_boot_the_highest_number_is_exact_later_it_is_the_reserved_one(tmp_path: Path) -> None:
    told = HighWater(written(tmp_path), "boot-1").told
    assert told
    assert (told.highest_seq("boot-1"), told.highest_seq("boot-2")) == (10, 10 + RESERVED_AT_ONCE)


def test_a_block_is_synced_once_for_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("agent.high_water.os.fdatasync", synced.append)
    high_water = HighWater(tmp_path / "high-water", "boot-1")
    for seq in range(1, 3 * RESERVED_AT_ONCE):
        high_water.write(msgspec.structs.replace(MARK, last_seq=seq, assigning_seq=seq))
    assert len(synced) == 3


def test_a_clean_end_gives_the_rest_of_the_block_back(tmp_path: Path) -> None:
    high_water = HighWater(tmp_path / "high-water", "boot-1")
    high_water.write(MARK)
    high_water.close(MARK)
    told = HighWater(tmp_path / "high-water", "boot-1").told
    assert told
    assert told.highest_seq("boot-2") == 10


@pytest.mark.parametrize("content", [b"", b"\x00" * BLOCK_BYTES, b"zzzzzzzz {}", b"00000000 {}", b"\xff" * 100])
def test_a_damaged_one_tells_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "high-water").write_bytes(content)
    assert HighWater(tmp_path / "high-water", "boot-1").told is None


def test_any_flipped_byte_is_noticed(tmp_path: Path) -> None:
    file = written(tmp_path)
    whole = file.read_bytes()
    for index in range(len(whole.rstrip())):
        file.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
        told = HighWater(file, "boot-1").told
        assert told is None or told.assigning_seq == 10, index
