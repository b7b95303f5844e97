"""The account of records in words: one sentence for its state, one line for each of its words."""

from collections.abc import Mapping

from console.quantities import span
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.words import count
from store.delivery import Sums
from store.model import Flow

MEANINGS: Mapping[str, str] = {
    "Assigned": "numbers that the agent has given to records, as far as its messages have told",
    "Stored": "records in the database",
    "Quarantined": "records that came and could not be taken in; their bytes are kept as long as records",
    "Named as lost": "records that the agent gave up and named, each range with its reason",
    "In transit": "records that the agent or RabbitMQ still has; they arrive or are named",
    "Unexplained": "records that nobody has and nobody named: a mistake, and an incident of its own",
    "Duplicates": "copies that came again and were absorbed; they count nowhere else",
}
LOSS_WORDS: Mapping[str, str] = {
    "full": "the spool was full: the oldest records went first",
    "thinned": "the spool was nearly full: every second unchanged snapshot went",
    "age": "older than the spool keeps",
    "disk": "the host's disk refused them, and the agent that held them in memory ended",
    "oversize": "larger than a record may be",
    "corrupt": "the spool's file was damaged",
    "released": "lost by RabbitMQ after the agent had let them go",
}


def account_sentence(sums: Sums) -> str:
    """Whether every record is accounted for and, where not, what now."""
    if not sums.assigned:
        return "No record was assigned yet: no agent has sent any."
    told = f"{count(sums.assigned, 'record')} assigned"
    others = [
        f"{number:,} {words}"
        for number, words in (
            (sums.declared, "named as lost"),
            (sums.quarantined, "in quarantine"),
            (sums.in_transit, "in transit"),
        )
        if number
    ]
    rest = f": {', '.join(others)}, all others stored" if others else ", all of them stored"
    if not sums.unexplained:
        return f"{told}, every one accounted for{rest}."
    one = sums.unexplained == 1
    return (
        f"{told}, {sums.unexplained:,} unexplained: nobody has {'it' if one else 'them'} and nobody named "
        f"{'it' if one else 'them'} as lost. Look at the open incidents: each names the host and what now."
    )


def short_sentence(sums: Sums) -> str:
    if not sums.assigned:
        return "none yet"
    return f"{sums.unexplained:,} unexplained" if sums.unexplained else "every record accounted for"


def queue_age_seconds(queue: QueueLook | None, last: Flow | None, now_ms: int) -> float | None:
    """About how long the oldest waiting message waits: the age of the newest canary that is stored, 0 when none waits,
    None while nobody knows."""
    if queue is None:
        return None
    if not queue.depth:
        return 0.0
    return None if last is None else max(0, now_ms - last.sent_ms) / 1000


def queue_line(queue: QueueLook | None, age_seconds: float | None) -> str:
    if queue is None:
        return "RabbitMQ's queue is not known now: the help desk does not reach it."
    oldest = f", the oldest for about {span(age_seconds)}" if queue.depth and age_seconds is not None else ""
    return f"{count(queue.depth, 'message')} for the processor in RabbitMQ's queue{oldest}."
