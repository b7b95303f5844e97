"""The broker's exchange, queue and binding: declared, or refused where what exists differs."""

import time
from typing import Any
from urllib.parse import quote

from rabbitmq.management import Management, RequestRefused
from rabbitmq.topology import EXCHANGE, QUEUE, QUEUE_ARGUMENTS

EVERYTHING = "#"  # the agents' records and the canary take the same road
# RabbitMQ writes a new quorum queue's place on disk half a second late; a broker killed within that time would come
# back with a queue that answers nobody
NEW_QUEUE_SETTLES_SECONDS = 1.0


class TopologyDiffers(Exception):
    """Something of this name exists and is another thing; the message names the difference and what mends it."""


def declare_topology(management: Management) -> None:
    """Make what is missing; safe to repeat. Raises TopologyDiffers."""
    _declare_exchange(management)
    _declare_queue(management)
    management.call(
        "POST", "bindings", management.virtual_host, "e", EXCHANGE, "q", QUEUE, body={"routing_key": EVERYTHING}
    )


def _declare_exchange(management: Management) -> None:
    try:
        management.call("PUT", "exchanges", management.virtual_host, EXCHANGE, body={"type": "topic", "durable": True})
    except RequestRefused as error:
        mend = _delete_command(management, "exchanges", EXCHANGE)
        raise TopologyDiffers(f"exchange {EXCHANGE} exists and is another: {error}. To replace it:\n{mend}") from error


def _declare_queue(management: Management) -> None:
    existing = _existing_queue(management)
    if existing is None:
        body = {"durable": True, "auto_delete": False, "arguments": QUEUE_ARGUMENTS}
        management.call("PUT", "queues", management.virtual_host, QUEUE, body=body)
        time.sleep(NEW_QUEUE_SETTLES_SECONDS)
        return
    differences = queue_differences(existing)
    if differences:
        mend = _delete_command(management, "queues", f"{QUEUE}?if-empty=true")
        raise TopologyDiffers(
            f"queue {QUEUE} exists and differs: {'; '.join(differences)}. It is kept as it is. To replace it, "
            f"let the processor empty it (what arrives meanwhile stays with the agents), then:\n{mend}"
        )


def queue_differences(existing: dict[str, Any]) -> list[str]:
    """What of a queue, as the management API describes it, is not as topology.py wants it."""
    wanted = {"durable": True, "auto_delete": False, **QUEUE_ARGUMENTS}
    found = {"durable": existing.get("durable"), "auto_delete": existing.get("auto_delete"), **existing["arguments"]}
    return [
        f"{name} is {found.get(name, 'absent')}, wanted {wanted.get(name, 'absent')}"
        for name in sorted(wanted.keys() | found.keys())
        if found.get(name) != wanted.get(name)
    ]


def _existing_queue(management: Management) -> dict[str, Any] | None:
    try:
        queue: dict[str, Any] = management.call("GET", "queues", management.virtual_host, QUEUE)
    except KeyError:
        return None
    return queue


def _delete_command(management: Management, kind: str, name: str) -> str:
    """For a person to run; asks for the administrator's password."""
    virtual_host = quote(management.virtual_host, safe="")
    address = f"http://{management.host}:{management.port}/api/{kind}/{virtual_host}/{name}"
    return f"  curl -u {management.user} -X DELETE '{address}'"
