"""All rows, in the order of the design's matrix, the controls behind them."""

from collections.abc import Sequence
from string import ascii_lowercase

from faults.controls import rows as controls
from faults.row import ROWS, Row
from faults.rows import (
    agent,
    broker,
    clocks,
    database,
    fleet,
    messages,
    network,
    notices,
    outage,
    power,
    processor,
    silence,
)

MODULES = (
    agent,
    broker,
    clocks,
    controls,
    database,
    fleet,
    messages,
    network,
    notices,
    outage,
    power,
    processor,
    silence,
)


def in_order() -> Sequence[Row]:
    return sorted(ROWS.values(), key=_place)


def _place(row: Row) -> tuple[bool, int, str]:
    """A letter behind a number makes it the companion of that row."""
    digits = row.number.rstrip(ascii_lowercase)
    return (False, int(digits), row.number) if digits.isdigit() else (True, 0, "")
