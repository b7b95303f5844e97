"""How a spool begins: it goes on where it was, or opens a new epoch and names what the one before it held."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.epoch import LOW_BITS, last_counter, open_epoch
from agent.high_water import HighWater, Mark
from agent.predecessor import adopt_readable, gaps_before, lost_of
from agent.spool_file import damaged_file, open_in_memory, open_spool_file, saved, write_ahead
from agent.spool_rows import Lost, Rows
from agent.stamp import Stamp

COUNTER_FILE = "epoch-counter"
HIGH_WATER_FILE = "high-water"

log = logging.getLogger("agent.spool")


def open_rows(file: Path, stamp: Callable[[int, int], Stamp], *, max_pages: int) -> Rows:
    """Raises sqlite3.Error or OSError when the disk refuses."""
    database = open_spool_file(file, max_pages=max_pages)
    try:
        high_water = HighWater(file.with_name(HIGH_WATER_FILE), stamp(1, 1)["boot_id"])
        rows = Rows(database, stamp, high_water)
        if not rows.lives:
            _begin(rows, file, stamp(1, 1)["agent_id"], high_water, max_pages)
        elif high_water.told is not None:
            _begin_again_if_old(rows, file, high_water.told, high_water.boot_id)
        write_ahead(database, file)
        rows.mark()
    except BaseException:
        database.close()
        raise
    return rows


def open_rows_in_memory(stamp: Callable[[int, int], Stamp], *, max_pages: int, epoch: int, first_position: int) -> Rows:
    rows = Rows(open_in_memory(max_pages=max_pages), stamp, None)
    rows.state.last_position = first_position - 1
    with rows.transaction():
        rows.begin_life(epoch)
    return rows


def counter_file(file: Path) -> Path:
    """Where the epochs of this spool are counted."""
    return file.with_name(COUNTER_FILE)


def highest_epoch_known(file: Path) -> int:
    """The last epoch of a spool that cannot be opened, as far as the files beside it tell; 0 when they do not."""
    told = HighWater(file.with_name(HIGH_WATER_FILE), "").told
    with suppress(OSError):
        return max(last_counter(counter_file(file)) << LOW_BITS, told.epoch if told else 0)
    return told.epoch if told else 0


def _begin(rows: Rows, file: Path, agent_id: str, high_water: HighWater, max_pages: int) -> None:
    """A new file: what lies damaged beside it is saved, what cannot be is named by the first record."""
    damaged = damaged_file(file)
    gaps = gaps_before(high_water.told, high_water.boot_id, file.parent, damaged)
    with rows.transaction():
        losses = [lost_of(gap) for gap in gaps]
        if damaged:
            losses = adopt_readable(rows, damaged, agent_id, gaps, max_pages)
        above = max([life.epoch for life in rows.lives] + [gap.epoch for gap in gaps], default=0)
        rows.begin_life(open_epoch(counter_file(file), above=above))
        for lost in losses:
            rows.name(lost)
    if damaged:
        _tell_damaged(saved(damaged), rows.state.kept_count - len(losses), losses)
    elif losses:
        log.error("spool %s is gone; what it held is lost: %s", file, _in_words(losses))


def _begin_again_if_old(rows: Rows, file: Path, told: Mark, boot_id: str) -> None:
    """A copy from a backup would give numbers a second time: it keeps its rows and opens a new epoch. So does one that
    lost power: what its disk lost with it may have been sent."""
    epoch, last_seq = rows.lives[-1].epoch, rows.last_seq
    if told.epoch < epoch or (told.epoch == epoch and told.last_seq <= last_seq):
        if told.was_cut_off(boot_id):
            with rows.transaction():
                rows.begin_life(open_epoch(counter_file(file), above=epoch))
        return
    gaps = [
        gap._replace(first_seq=max(gap.first_seq, last_seq + 1)) if gap.epoch == epoch else gap
        for gap in gaps_before(told, boot_id, file.parent, None)
    ]
    losses = [lost_of(gap) for gap in gaps if gap.first_seq <= gap.last_seq]
    with rows.transaction():
        rows.begin_life(open_epoch(counter_file(file), above=max(epoch, told.epoch)))
        for lost in losses:
            rows.name(lost)
    log.error("spool %s is an old copy; what came after it is lost: %s", file, _in_words(losses))


def _tell_damaged(corrupt: Path, saved_count: int, losses: list[Lost]) -> None:
    if not losses:
        lost = "what else it held is not known, no loss record can name it"
    else:
        lost = f"lost are {_in_words(losses)}"
    log.error("spool was damaged, now at %s; %d of its records are saved, %s", corrupt, saved_count, lost)


def _in_words(losses: list[Lost]) -> str:
    return ", ".join(
        f"up to {lost.count} of {lost.first_seq} to {lost.last_seq} of epoch {lost.epoch}" for lost in losses
    )
