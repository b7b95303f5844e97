"""The black box: what is noted each second, and what the notes say."""

from pathlib import Path

import pytest

from agent.black_box import DISKSTATS_BYTES, NEVER, REMEMBERED, BlackBox, Note
from agent.black_box_samples import NAMES, samples
from agent.host import Host

MEMINFO = b"MemTotal: 1000 kB\nMemFree: 5 kB\nMemAvailable:  400 kB\nSwapTotal: 100 kB\nSwapFree:  75 kB\n"
DISKS = b"   8  0 sda 10 0 %d 0 10 0 %d 0 0 5 0\n   8  1 sda1 10 0 %d 0 10 0 %d 0 0 5 0\n"


def note(at_seconds: float, busy: int = 0, idle: int = 0, iowait: int = 0, sectors: int = 0) -> Note:
    stat = b"cpu  %d 0 0 %d %d 0 0 0 0 0\ncpu0 1 2\n" % (busy, idle, iowait)
    return Note(at_seconds, stat, MEMINFO, b"0.52 0.1 0.2 1/2 3\n", DISKS % (sectors, 2 * sectors, sectors, 9))


def is_disk(device: str) -> bool:
    return device == "sda"


def said(*notes: Note, now_seconds: float = 102.0) -> list[dict[str, float | None]]:
    return [dict(zip(("age", *NAMES), row, strict=True)) for row in samples(notes, is_disk, now_seconds)]


def fake_host(folder: Path, scope: str = "host") -> Host:
    for name in ("stat", "meminfo", "loadavg", "diskstats"):
        (folder / name).write_bytes(getattr(note(0), name))
    return Host(folder, folder, folder, scope)  # type: ignore[arg-type]


def test_levels_are_of_the_moment_and_rates_of_the_second_before() -> None:
    first, second = said(note(100.0, 100, 100, 0, 0), note(102.0, 130, 150, 20, 100))
    assert first == {
        "age": 2.0,
        "cpu.usage_percent": None,
        "cpu.iowait_percent": None,
        "memory.available_bytes": 400 * 1024,
        "swap.used_bytes": 25 * 1024,
        "load.1": 0.52,
        "disk.read_bytes_per_second": None,
        "disk.write_bytes_per_second": None,
    }
    assert (second["age"], second["cpu.usage_percent"], second["cpu.iowait_percent"]) == (0.0, 30.0, 20.0)
    assert (second["disk.read_bytes_per_second"], second["disk.write_bytes_per_second"]) == (25600, 51200)


@pytest.mark.parametrize(
    ("file", "content", "missing"),
    [
        ("stat", b"", ["cpu.usage_percent", "cpu.iowait_percent"]),
        ("meminfo", b"MemFree: 1 kB\n", ["memory.available_bytes", "swap.used_bytes"]),
        ("loadavg", b"", ["load.1"]),
        ("diskstats", b" 8 0 sda 1\n", ["disk.read_bytes_per_second", "disk.write_bytes_per_second"]),
    ],
)
def test_a_file_that_cannot_be_read_costs_its_own_numbers(file: str, content: bytes, missing: list[str]) -> None:
    second = Note._make(content if name == file else told for name, told in note(102.0, 2, 2)._asdict().items())
    told = said(note(101.0, 1, 1), second)[1]
    assert [name for name in NAMES if told[name] is None] == missing


def test_a_counter_that_was_reset_has_no_rate() -> None:
    told = said(note(101.0, 100, 100, 9, 500), note(102.0, 1, 1, 0, 2))[1]
    assert (told["cpu.usage_percent"], told["disk.read_bytes_per_second"]) == (None, None)


def test_a_list_of_disks_that_was_cut_off_loses_the_last_line() -> None:
    cut = (DISKS % (100, 100, 0, 0))[:-30]
    assert said(note(101.0), note(102.0)._replace(diskstats=cut))[1]["disk.read_bytes_per_second"] == 51200


def test_it_remembers_two_minutes(tmp_path: Path) -> None:
    box = BlackBox(fake_host(tmp_path))
    for second in range(REMEMBERED + 30):
        box.note(float(second))
    every, last = box.notes(0.0), box.notes(REMEMBERED + 100.0)
    box.close()
    assert (len(every), every[0].at_seconds, every[-1].at_seconds) == (REMEMBERED, 30.0, REMEMBERED + 29.0)
    assert last[0].at_seconds == 100.0


def test_it_keeps_to_its_grid_and_leaves_out_what_it_missed(tmp_path: Path) -> None:
    box = BlackBox(fake_host(tmp_path))
    box.watch_closely(True)
    due = []
    for now in (100.0, 101.02, 101.95, 107.5):
        box.note(now)
        due.append(round(box.due_seconds, 3))
    box.close()
    assert due == [101.0, 102.0, 103.0, 108.5]


def test_in_calm_it_wakes_up_half_as_often(tmp_path: Path) -> None:
    box = BlackBox(fake_host(tmp_path))
    due = []
    for now, closely in ((100.0, False), (102.0, True), (103.0, True), (104.0, False), (106.0, False)):
        box.watch_closely(closely)
        box.note(now)
        due.append(box.due_seconds)
    box.close()
    assert due == [102.0, 103.0, 104.0, 106.0, 108.0]


def test_each_second_is_read_anew(tmp_path: Path) -> None:
    box = BlackBox(fake_host(tmp_path))
    box.note(1.0)
    (tmp_path / "stat").write_bytes(note(0, busy=77).stat)
    box.note(2.0)
    first, second = box.notes(2.0)
    box.close()
    assert (b"77" in first.stat, b"77" in second.stat) == (False, True)


def test_of_a_container_nothing_is_noted_since_the_files_are_of_its_host(tmp_path: Path) -> None:
    assert BlackBox(fake_host(tmp_path, "container")).due_seconds == NEVER


def test_where_there_is_no_proc_nothing_is_noted(tmp_path: Path) -> None:
    assert BlackBox(Host(tmp_path / "no", tmp_path, tmp_path, "host")).due_seconds == NEVER


def test_this_machine_can_be_read() -> None:
    box = BlackBox(Host(Path("/proc"), Path("/sys"), Path("/"), "host"))
    for second in (1.0, 2.0):
        box.note(second)
    first, second_row = said(*box.notes(2.0))
    box.close()
    assert (first["memory.available_bytes"] or 0) > 0
    assert second_row["load.1"] is not None


def test_without_a_disk_or_with_some_cut_off_there_is_no_rate() -> None:
    columns = ["disk.read_bytes_per_second", "disk.write_bytes_per_second"]
    loops = b"   7 0 loop0 10 0 5 0 10 0 5 0 0 5 0\n" * 200
    for diskstats in (loops[:1000], loops[:DISKSTATS_BYTES], ((DISKS % (9, 9, 9, 9)) + loops)[:DISKSTATS_BYTES]):
        told = said(*(note(at)._replace(diskstats=diskstats) for at in (101.0, 102.0)))[1]
        assert [told[column] for column in columns] == [None, None]
