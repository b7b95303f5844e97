"""A row of the fault matrix: a small named function that gets the rig. `faults/rows/` is full of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.rig import Rig

Inject = Callable[["Rig"], None]


# They measure short times, or load the machine so much that a neighbour would measure them.
ALONE = frozenset({"4", "12", "35", "44"})

# One that takes longer hangs: it is ended, and red. The longest take half of it, less many kills.
MOST_SECONDS = 40 * 60.0

# They promise incidents as by the book (C4), so some must have been judged.
ABOUT_INCIDENTS = frozenset({"1", "18", "19", "24", "27", "31", "32", "43"})


class CannotRun(Exception):
    """This machine cannot make the fault: the report says so, and the row counts as not run."""


class ControlStayedGreen(Exception):
    """A broken build passed the checker: the checker proves nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """`number` as in the design's matrix; a control has a name instead."""

    number: str
    fault: str
    inject: Inject
    is_quick: bool
    most_seconds: float = MOST_SECONDS

    @property
    def is_control(self) -> bool:
        return self.number.startswith("control")

    @property
    def bad_result(self) -> str:
        """What it comes to when it does not come to what it should."""
        return "MISSED" if self.is_control else "red"

    @property
    def runs_alone(self) -> bool:
        """Where others run side by side, this one has the machine to itself."""
        return self.number in ALONE


ROWS: dict[str, Row] = {}


def row(number: int | str, fault: str, *, quick: bool = False) -> Callable[[Inject], Inject]:
    """Register the function as this row, or as "28a", its companion; `quick` rows are part of `make faults QUICK=1`."""
    return _register(str(number), fault, quick)


def control(name: str, fault: str) -> Callable[[Inject], Inject]:
    """Register a negative control: a broken build that the checker must turn red. Every run has them."""
    return _register(f"control {name}", fault, True)


def _register(number: str, fault: str, quick: bool) -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        assert number not in ROWS, f"row {number} is there twice"
        ROWS[number] = Row(number, fault, inject, quick)
        return inject

    return register
