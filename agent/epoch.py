"""The number of a spool's life: `counter << 32 | low bits`, below 2**53, rising with each new epoch of one agent.

Even counters with random low bits are of spools on disk, counted in a file. Odd ones are of spools in memory, while the
disk refuses: their low bits are the Unix time in ticks, so that a later one is higher though nothing is written down.
"""

import secrets
import time
from pathlib import Path

from agent.files import write_atomically

LOW_BITS = 32
TICKS_A_SECOND = 16  # an agent takes longer to start; the low bits begin anew after eight years
LARGEST_COUNTER = 2**21 - 2
EPOCHS_AHEAD = 1000 << LOW_BITS  # more spools were not opened without the others' knowing


def open_epoch(counter_file: Path, *, above: int = 0) -> int:
    """The epoch of a new spool, above all earlier ones and `above`; the counter is on disk before this returns.

    Raises OSError when the file cannot be written, holds no counter and `above` tells none, or has reached its end.
    """
    counter = max(last_counter(counter_file, above=above), above >> LOW_BITS)
    counter += 2 - counter % 2
    if counter > LARGEST_COUNTER:
        raise OSError(f"{counter_file}: {LARGEST_COUNTER // 2} spools were opened, there is no higher epoch")
    write_atomically(counter_file, f"{counter}\n".encode(), durable=True)
    return counter << LOW_BITS | secrets.randbits(LOW_BITS)


def memory_epoch(*, above: int = 0) -> int:
    """An epoch that no disk knows, above the given one and above memory epochs of earlier ticks."""
    counter = above >> LOW_BITS
    ticks = int(time.time() * TICKS_A_SECOND) & (1 << LOW_BITS) - 1
    return (counter + 1 + counter % 2) << LOW_BITS | ticks


def is_of_memory(epoch: int) -> bool:
    return bool(epoch >> LOW_BITS & 1)


def last_counter(counter_file: Path, *, above: int = 0) -> int:
    """What the file holds, 0 where there is none. A damaged one is no trouble where `above` is known."""
    try:
        return int(counter_file.read_text())
    except FileNotFoundError:
        return 0
    except ValueError as error:
        if above:
            return 0
        raise OSError(f"{counter_file} holds no counter; write into it how many spools there were, or more") from error
