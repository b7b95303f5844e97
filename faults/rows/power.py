"""The power goes: what a broker had only in memory or in the page cache is gone, what it had synced is there."""

import pika

from faults.broker import Broker
from faults.disk import Disk
from faults.rig import Rig
from faults.row import ControlStayedGreen, control, row
from faults.run import Run
from faults.witness import Key
from rabbitmq.connection import connection_parameters
from rabbitmq.message import decode
from rabbitmq.topology import CANARY_ROUTING_KEY, EXCHANGE, QUEUE

RECORDS = 30
SILENCE_SECONDS = 3  # then the queue is read to its end
DISK_MEGABYTES = 1200  # the broker stops publishers below 512 MB of free space


@row(3, "broker: power cut")
def power_cut(rig: Rig) -> None:
    with rig.disk(DISK_MEGABYTES) as disk, rig.broker_on(disk.mount) as broker, rig.running(broker=broker) as run:
        run.flow(1)
        run.processors[0].kill()
        lost = confirmed_and_lost(run, disk)
        assert not lost, f"confirmed before the cut and not there after it: {sorted(lost)[:5]}"
        run.processors[0].start()
        run.settle()


@control("classic queue", "power cut on a classic queue")
def power_cut_on_a_classic_queue(rig: Rig) -> None:
    """Without a processor: it refuses to work on such a queue."""
    with (
        rig.disk(DISK_MEGABYTES) as disk,
        rig.broker_on(disk.mount) as broker,
        rig.running(broker=broker, processors=0) as run,
    ):
        _make_queue_classic(broker)
        lost = confirmed_and_lost(run, disk)
        if not lost:
            raise ControlStayedGreen("a classic queue kept everything through the power cut")
        rig.note(f"{len(lost)} confirmed records lost")


def confirmed_and_lost(run: Run, disk: Disk) -> set[Key]:
    """Let confirmed records pile up in the queue, cut the power, and read what the broker has after its start."""
    disk.sync()  # a broker that has stood for a while; what counts comes after it
    before = set(run.seen().confirmed)
    run.until(lambda: len(run.seen().confirmed - before) >= RECORDS, f"{RECORDS} confirmed records in the queue")
    for program in run.agents:
        program.freeze()
    run.broker.freeze()
    confirmed = run.seen().confirmed - before
    image = disk.image_of_now()
    run.broker.kill()
    run.broker.stop()
    disk.start_from(image)
    run.broker.start()
    found = keys_in_queue(run.broker)
    for program in run.agents:
        program.thaw()
    return confirmed - found


def keys_in_queue(broker: Broker) -> set[Key]:
    """Read without taking: closing the connection puts all of it back."""
    found: set[Key] = set()
    parameters = connection_parameters(broker.administrator, connection_name="faults")
    with pika.BlockingConnection(parameters) as connection:
        for method, properties, body in connection.channel().consume(QUEUE, inactivity_timeout=SILENCE_SECONDS):
            if method is None:
                break
            if method.routing_key != CANARY_ROUTING_KEY:
                message = decode(body, routing_key=method.routing_key, content_encoding=properties.content_encoding)
                found.update(Key(item.record.agent_id, item.record.epoch, item.record.seq) for item in message.records)
    return found


def _make_queue_classic(broker: Broker) -> None:
    """In its second version, which RabbitMQ 4 has alone; the first one of 3.10 syncs before it confirms."""
    management = broker.management
    management.call("DELETE", "queues", broker.virtual_host, QUEUE)
    arguments = {"x-queue-type": "classic", "x-queue-version": 2, "x-single-active-consumer": True}
    management.call("PUT", "queues", broker.virtual_host, QUEUE, body={"durable": True, "arguments": arguments})
    management.call("POST", "bindings", broker.virtual_host, "e", EXCHANGE, "q", QUEUE, body={"routing_key": "#"})
