"""The checker's C8, as far as programs are concerned: none ends unasked, and each ends in order when it is asked."""

from collections.abc import Iterable

from faults.missing import missing
from faults.program import Program

IN_ORDER = 0


def ended_unasked(programs: Iterable[Program], with_own_end: Iterable[Program] = ()) -> list[str]:
    """Who ended, with whatever exit code, though nobody killed or stopped it; who has an end of its own may with 0."""
    ends = {(program.name, code) for program in programs for code in _own_ends(program)}
    ends |= {(program.name, code) for program in with_own_end for code in _own_ends(program) if code != IN_ORDER}
    return missing("C8: ended without being asked", {f"{name} with {code}" for name, code in ends})


def stopped_in_order(programs: Iterable[Program]) -> list[str]:
    """Stop those that live."""
    codes = {program.name: program.stop() for program in programs if program.is_alive}
    wrong = {f"{name} with {code}" for name, code in codes.items() if code != IN_ORDER}
    return missing("C8: asked to stop and did not end in order", wrong)


def _own_ends(program: Program) -> list[int]:
    program.note_end()
    return program.own_ends
