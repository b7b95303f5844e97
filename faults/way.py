"""The checker's C4 for the way of all records: when nobody may call it broken, and that each such incident ends.

From outside nobody can say when it must be called broken. While records come at once it is not.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise

from faults.evidence import IncidentStep, Kept
from processor.findings import PIPELINE

WHOLE_MS = 20_000  # what is told was so for 10 s, and its end may be seen a canary later
AT_ONCE_MS = 2_000  # from a record's making to its receipt
BREAK_MS = 5_000


def false_troubles_of_the_way(kept: Kept) -> set[IncidentStep]:
    """Openings before which records came at once for so long, without a break, that nothing can have been wrong."""
    heard_ms = sorted(item.received_ms for item in kept.snapshots if abs(item.received_ms - item.wall_ms) <= AT_ONCE_MS)
    openings = (step for step in kept.incidents if step.rule == PIPELINE.rule and step.change == "opened")
    return {step for step in openings if _is_whole(heard_ms, step.at_ms - WHOLE_MS, step.at_ms)}


def open_troubles_of_the_way(kept: Kept) -> set[IncidentStep]:
    """In the end, when everything has been well for as long as it takes to see that."""
    steps = [step for step in kept.incidents if step.rule == PIPELINE.rule]
    newest = max(steps, key=lambda step: (step.at_ms, step.epoch, step.seq), default=None)
    return set() if newest is None or newest.change == "closed" else {newest}


def _is_whole(heard_ms: list[int], from_ms: int, to_ms: int) -> bool:
    within = heard_ms[bisect_left(heard_ms, from_ms) : bisect_right(heard_ms, to_ms)]
    moments = [from_ms, *within, to_ms]
    return all(after - before <= BREAK_MS for before, after in pairwise(moments))
