"""The names that exist in the broker: one topic exchange, one quorum queue, four accounts.

The queue is quorum because only a quorum queue syncs to disk before it confirms; it rejects at its limit instead of
dropping; it has one active consumer, the others stand by. There is no alternate exchange (it would turn an unroutable
message into a confirmed one) and no dead-letter exchange (the quarantine is in the database).
"""

from dataclasses import dataclass

EXCHANGE = "health.telemetry"
QUEUE = "ingest"
CANARY_ROUTING_KEY = "canary.flow"  # the dot keeps it apart from every agent id
EVENT_EXCHANGE = "amq.rabbitmq.event"  # the plugin rabbitmq_event_exchange makes it: who connects and who goes
EVENT_QUEUE_PREFIX = "healthmon.events."  # of queues that live as long as a processor's connection

QUEUE_ARGUMENTS: dict[str, str | int | bool] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-overflow": "reject-publish",
    "x-max-length-bytes": 4 * 1024**3,
    # explicit, since RabbitMQ 4 drops a message after 20 deliveries when there is no dead-letter exchange
    "x-delivery-limit": 1_000_000,
}


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions over resource names, as RabbitMQ's management API takes them."""

    configure: str
    write: str
    read: str
    topic_write: str | None = None


PROCESSOR_USER = "healthmon-processor"
HELPDESK_USER = "healthmon-helpdesk"
AGENT_USER = "healthmon-agent"

PERMISSIONS: dict[str, Permissions] = {
    # Statements go to reply addresses, as commands do. To see whether the queue is the one it was written for, the
    # processor must be allowed to declare it; whoever may read a queue can empty it anyway. To hear who connects, it
    # makes a queue of its own and binds it: AMQP wants the right to write to a queue for that.
    PROCESSOR_USER: Permissions(
        r"^(ingest|healthmon\.events\.[a-z0-9]+)$",
        r"^(health\.telemetry|amq\.default|healthmon\.events\.[a-z0-9]+)$",
        r"^(ingest|amq\.rabbitmq\.event|healthmon\.events\.[a-z0-9]+)$",
        topic_write=r"^canary\.flow$",
    ),
    # commands go to reply addresses, which are reached through the default exchange
    HELPDESK_USER: Permissions("^$", r"^amq\.default$", "^$"),
    # one account for all agents until enrolment gives each its own; the canary's key stays out of their reach
    AGENT_USER: Permissions("^$", r"^health\.telemetry$", "^$", topic_write="^[a-z0-9-]{1,64}$"),
}
