"""How far an agent's clock is from the processor's, from the receipts of live snapshots.

A receipt is never before the event, so the lowest difference of late is the nearest to the truth. One that is higher by
more than the snapshot can have waited is no lateness: the clock was set.
"""

FORGETS_PER_SNAPSHOT = 16
SHOWN_FROM_MS = 2_000  # below this a correction would be noise
SKEWED_FROM_MS = 30_000
SKEWED_UNTIL_MS = 20_000
UNSEEN_WAIT_MS = 15_000  # between an agent and its broker, which nobody counts; on a very slow link it may be longer


def measured_offset_ms(before_ms: int | None, wall_ms: int, received_ms: int, waited_ms: int) -> int:
    """The processor's clock less the agent's: lower is believed at once, higher by a sixteenth each time.

    Higher by more than the `waited_ms` that the snapshot waited in spool and queue at most, and on its way, is believed
    at once, too.
    """
    difference_ms = received_ms - wall_ms
    if before_ms is None or difference_ms <= before_ms or difference_ms - before_ms > waited_ms + UNSEEN_WAIT_MS:
        return difference_ms
    return before_ms + (difference_ms - before_ms) // FORGETS_PER_SNAPSHOT


def correction_ms(offset_ms: int | None) -> int:
    """What to add to the agent's times for people."""
    return offset_ms if offset_ms is not None and abs(offset_ms) > SHOWN_FROM_MS else 0


def is_skewed(offset_ms: int, was_skewed: bool) -> bool:
    return abs(offset_ms) >= (SKEWED_UNTIL_MS if was_skewed else SKEWED_FROM_MS)


def skew_sentence(offset_ms: int) -> str:
    """What is wrong and what to do."""
    seconds, direction = abs(offset_ms) / 1000, "behind" if offset_ms > 0 else "ahead of"
    return (
        f"its clock is {seconds:,.0f} s {direction} the processor's. Look with `timedatectl` on both hosts; "
        "switch time synchronisation on: `timedatectl set-ntp true`, or install chrony"
    )


def steady_sentence(offset_ms: int) -> str:
    return f"its clock is within {abs(offset_ms) / 1000:.0f} s of the processor's again"
