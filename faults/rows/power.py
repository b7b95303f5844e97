"""The power goes: what a broker had only in memory or in the page cache is gone, what it had synced is there."""

from collections.abc import Collection
from typing import NamedTuple

import pika

from faults.broker import Broker
from faults.checker import confirmed_is_kept
from faults.digest import digest_of_body
from faults.disk import Disk
from faults.evidence import Kept
from faults.rig import Rig
from faults.row import ControlStayedGreen, control, row
from faults.run import Run, Violations
from faults.witness import Content, Key, Witnessed
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
        cut = cut_power(run, disk)
        lost = [*cut.lost_of(cut.synced), *cut.lost_of(cut.newer)]
        if lost:
            raise Violations("\n".join(lost))
        run.processors[0].start()
        run.settle()
    rig.note(f"{len(cut.synced)} records synced before the cut, {len(cut.newer)} confirmed after that, all found")


@control("classic queue", "power cut on a classic queue")
def power_cut_on_a_classic_queue(rig: Rig) -> None:
    """Without a processor: it refuses to work on such a queue."""
    with (
        rig.disk(DISK_MEGABYTES) as disk,
        rig.broker_on(disk.mount) as broker,
        rig.running(broker=broker, processors=0) as run,
    ):
        _make_queue_classic(broker)
        cut = cut_power(run, disk)
        unreadable = cut.lost_of(cut.synced)
        assert not unreadable, f"what had been synced must be found, or finding nothing means nothing: {unreadable}"
        lost = cut.lost_of(cut.newer)
        if not lost:
            raise ControlStayedGreen("a classic queue kept everything through the power cut")
        gone = cut.newer - cut.found
        rig.note(f"all {len(cut.synced)} synced records found, {len(gone)} of {len(cut.newer)} newer ones gone")


class PowerCut(NamedTuple):
    """Records that the broker had confirmed: before the disk was synced and since; and what it had after the cut."""

    synced: frozenset[Content]
    newer: frozenset[Content]
    found: frozenset[Content]

    def lost_of(self, confirmed: Collection[Content]) -> list[str]:
        """The checker's own C1 on the queue: nothing was processed yet."""
        return confirmed_is_kept(Witnessed(confirmations=set(confirmed)), Kept(stored=list(self.found)))


def cut_power(run: Run, disk: Disk) -> PowerCut:
    """Let confirmed records pile up in the queue, sync, let more of them come, cut the power, and read what the broker
    has after its start."""
    before = set(run.seen().offers)
    _pile_up(run, before)
    synced = run.seen().confirmations - before
    disk.sync()  # a broker that has stood for a while
    _pile_up(run, before | synced)
    for program in run.agents:
        program.freeze()
    run.broker.freeze()
    newer = run.seen().confirmations - before - synced
    image = disk.image_of_now()
    run.broker.kill()
    run.broker.stop()
    disk.start_from(image)
    run.broker.start()
    found = contents_of_queue(run.broker)
    for program in run.agents:
        program.thaw()
    return PowerCut(frozenset(synced), frozenset(newer), frozenset(found))


def _pile_up(run: Run, known: set[Content]) -> None:
    run.until(
        lambda: len(run.seen().confirmations - known) >= RECORDS, f"{RECORDS} more confirmed records in the queue"
    )


def contents_of_queue(broker: Broker) -> set[Content]:
    """Read without taking: closing the connection puts all of it back."""
    found: set[Content] = set()
    parameters = connection_parameters(broker.administrator, connection_name="faults")
    with pika.BlockingConnection(parameters) as connection:
        for method, properties, body in connection.channel().consume(QUEUE, inactivity_timeout=SILENCE_SECONDS):
            if method is None:
                break
            if method.routing_key != CANARY_ROUTING_KEY:
                message = decode(body, routing_key=method.routing_key, content_encoding=properties.content_encoding)
                found.update(
                    Content(Key(item.record.agent_id, item.record.epoch, item.record.seq), digest_of_body(item.raw))
                    for item in message.records
                )
    return found


def _make_queue_classic(broker: Broker) -> None:
    """In its second version, which RabbitMQ 4 has alone; the first one of 3.10 syncs before it confirms."""
    management = broker.management
    management.call("DELETE", "queues", broker.virtual_host, QUEUE)
    arguments = {"x-queue-type": "classic", "x-queue-version": 2, "x-single-active-consumer": True}
    management.call("PUT", "queues", broker.virtual_host, QUEUE, body={"durable": True, "arguments": arguments})
    management.call("POST", "bindings", broker.virtual_host, "e", EXCHANGE, "q", QUEUE, body={"routing_key": "#"})
