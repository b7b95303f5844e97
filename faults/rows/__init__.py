"""All rows, in the order of the design's matrix, the controls behind them."""

from collections.abc import Sequence

from faults.controls import rows as controls
from faults.row import ROWS, Row
from faults.rows import agent, broker, clocks, database, fleet, messages, network, outage, power, processor

MODULES = (agent, broker, clocks, controls, database, fleet, messages, network, outage, power, processor)


def in_order() -> Sequence[Row]:
    return sorted(ROWS.values(), key=_place)


def _place(row: Row) -> tuple[bool, int]:
    return (False, int(row.number)) if row.number.isdigit() else (True, 0)
