"""What the notes of the black box say: one row of numbers for each."""

import re
from collections.abc import Callable, Mapping, Sequence

from agent.black_box import DISKSTATS_BYTES, Note
from agent.collectors.cpu import IDLE, IOWAIT, MODES
from agent.collectors.disk_io import parse_diskstats

NAMES = (
    "cpu.usage_percent",
    "cpu.iowait_percent",
    "memory.available_bytes",
    "swap.used_bytes",
    "load.1",
    "disk.read_bytes_per_second",
    "disk.write_bytes_per_second",
)
_MEMORY = re.compile(rb"^(MemAvailable|SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE)

Sample = list[float | None]
_Numbers = tuple[float | None, ...]


def samples(notes: Sequence[Note], is_disk: Callable[[str], bool], now_seconds: float) -> list[Sample]:
    """For each note the seconds before `now_seconds`, then a number for each of NAMES.

    Rates are of the time since the note before, so that the first has none; disks are added up, parts of them
    (not `is_disk`) left out. What cannot be read is None.
    """
    rows: list[Sample] = []
    before: Note | None = None
    for note in notes:
        cpu = _or_none(2, _cpu, before, note)
        memory = _or_none(2, _memory, note)
        load = _or_none(1, _load, note)
        disk = _or_none(2, _disk, before, note, is_disk)
        rows.append([round(max(now_seconds - note.at_seconds, 0.0), 1), *cpu, *memory, *load, *disk])
        before = note
    return rows


def _or_none(count: int, read: Callable[..., _Numbers], *arguments: object) -> _Numbers:
    """A file that is not as expected costs its own numbers."""
    try:
        return read(*arguments)
    except (ValueError, IndexError):
        return (None,) * count


def _cpu(before: Note | None, note: Note) -> _Numbers:
    """Per cent busy and per cent waiting for I/O, of all cores together."""
    if before is None:
        return None, None
    spent = [new - old for new, old in zip(_ticks(note.stat), _ticks(before.stat), strict=True)]
    total = sum(spent)
    if total <= 0 or min(spent[IDLE], spent[IOWAIT]) < 0:
        return None, None
    busy = total - spent[IDLE] - spent[IOWAIT]
    return round(100 * busy / total, 1), round(100 * spent[IOWAIT] / total, 1)


def _ticks(stat: bytes) -> list[int]:
    return [int(value) for value in stat[: stat.index(b"\n")].split()[1 : len(MODES) + 1]]


def _memory(note: Note) -> _Numbers:
    """Bytes available, and bytes of swap in use."""
    found = {name: int(kibibytes) * 1024 for name, kibibytes in _MEMORY.findall(note.meminfo)}
    swap_total, swap_free = found.get(b"SwapTotal"), found.get(b"SwapFree")
    used = None if swap_total is None or swap_free is None else swap_total - swap_free
    return found.get(b"MemAvailable"), used


def _load(note: Note) -> _Numbers:
    return (float(note.loadavg.split()[0]),)


def _disk(before: Note | None, note: Note, is_disk: Callable[[str], bool]) -> _Numbers:
    """Bytes read and written per second, of all disks together. None when a counter was reset, without a disk, and
    when the kernel had more lines than a note holds: what is missing may be a disk.
    """
    if before is None or note.at_seconds <= before.at_seconds or _is_cut(note) or _is_cut(before):
        return None, None
    elapsed_seconds = note.at_seconds - before.at_seconds
    new, old = _disks(note.diskstats, is_disk), _disks(before.diskstats, is_disk)
    if not new.keys() & old.keys():
        return None, None
    rates = [
        sum(new[disk][column] - old[disk][column] for disk in new.keys() & old.keys()) / elapsed_seconds
        for column in (0, 1)
    ]
    return (None, None) if min(rates) < 0 else (round(rates[0]), round(rates[1]))


def _is_cut(note: Note) -> bool:
    return len(note.diskstats) >= DISKSTATS_BYTES


def _disks(diskstats: bytes, is_disk: Callable[[str], bool]) -> Mapping[str, tuple[float, ...]]:
    whole_lines = diskstats[: diskstats.rfind(b"\n") + 1]
    return {device: use for device, use in parse_diskstats(whole_lines).items() if is_disk(device)}
