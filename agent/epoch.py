"""The number of a spool's life: `counter << 32 | random`, below 2**53, rising with each new spool of one agent."""

import secrets
from pathlib import Path

from agent.files import write_atomically

RANDOM_BITS = 32
LARGEST_COUNTER = 2**21 - 1


def open_epoch(counter_file: Path) -> int:
    """The epoch of a new spool, above all earlier ones; the counter is on disk before this returns.

    Raises OSError when the file cannot be written, holds no counter or has reached its end.
    """
    counter = _last_counter(counter_file) + 1
    if counter > LARGEST_COUNTER:
        raise OSError(f"{counter_file}: {LARGEST_COUNTER} spools were opened, there is no higher epoch")
    write_atomically(counter_file, f"{counter}\n".encode(), durable=True)
    return counter << RANDOM_BITS | secrets.randbits(RANDOM_BITS)


def _last_counter(counter_file: Path) -> int:
    try:
        return int(counter_file.read_text())
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise OSError(f"{counter_file} holds no counter; write into it how many spools there were, or more") from error
