"""What no agent says: readable, and still nothing to be kept as a fact."""

from rabbitmq.records import Hello, Loss, Record, Snapshot

LARGEST_MS = 2**53
SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS = 0.1, 300
EPOCHS_AHEAD = 1000 << 32  # an agent counts its epochs in the bits above 32, one for each spool it opens
MOST_NAMED_SINGLY = 100_000  # numbers that a loss may name one by one; more snapshots never fit into a spool

Reason = tuple[str, str]
"""A word and what exactly is the matter."""


def implausible(record: Record, message_epoch: int, known_epoch: int) -> Reason | None:
    """Why the record cannot be true, or None. `known_epoch` is the agent's newest, 0 for one that nobody knows."""
    results = record.checks if isinstance(record, Snapshot) else ()
    if not all(0 <= timed.wall_seconds * 1000 < LARGEST_MS for timed in (record, *results)):
        return "implausible-clock", "a wrong clock is fine, one outside any real time is not"
    if isinstance(record, Snapshot | Hello) and not _is_interval(record.interval_seconds):
        allowed = f"{SHORTEST_INTERVAL_SECONDS:g} to {LONGEST_INTERVAL_SECONDS}"
        return "implausible-interval", f"{record.interval_seconds:g} s, allowed are {allowed}"
    furthest = known_epoch + EPOCHS_AHEAD
    if record.epoch > furthest:
        return "future-epoch", f"epoch {record.epoch}, later than any this agent can have reached"
    if record.epoch != message_epoch:
        return "mixed-epochs", f"epoch {record.epoch} in a message of epoch {message_epoch}"
    if isinstance(record, Loss) and (record.lost_epoch > furthest or not _names_what_can_be_lost(record)):
        return (
            "implausible-loss",
            f"numbers {record.first_seq} to {record.last_seq}, step {record.step}, of epoch {record.lost_epoch}",
        )
    return None


def _is_interval(seconds: float) -> bool:
    return SHORTEST_INTERVAL_SECONDS <= seconds <= LONGEST_INTERVAL_SECONDS


def _names_what_can_be_lost(loss: Loss) -> bool:
    count = (loss.last_seq - loss.first_seq) // loss.step + 1
    return count >= 1 and (loss.step == 1 or count <= MOST_NAMED_SINGLY)
