"""The private broker of tests and of the local stack: usable, on the loopback only, gone when it is stopped."""

import subprocess
import sys
from pathlib import Path

import pika
import pytest
from pika.exceptions import ConnectionClosedByBroker

from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import NEW_QUEUE_SETTLES_SECONDS
from tests.brokers import RealBroker, require_rabbitmq
from tests.processes import processes_with, wait_until_gone
from tests.waiting import wait_for

INTERNAL_ERROR = 541


def take_one(address: BrokerAddress, queue: str) -> bytes | None:
    """None also while a queue has no leader yet: on a busy machine a broker that was killed starts serving before."""
    try:
        with pika.BlockingConnection(connection_parameters(address, connection_name="test")) as connection:
            _, _, body = next(connection.channel().consume(queue, auto_ack=True, inactivity_timeout=30))
    except ConnectionClosedByBroker as error:
        if error.reply_code != INTERNAL_ERROR:
            raise
        return None
    return None if body is None else bytes(body)


def publish_to_new_queue(address: BrokerAddress, queue: str) -> None:
    with pika.BlockingConnection(connection_parameters(address, connection_name="test")) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        connection.sleep(NEW_QUEUE_SETTLES_SECONDS)
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"1", pika.BasicProperties(delivery_mode=2))


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_data_is_there_after_the_broker_ended_and_started_again(broker: RealBroker, ending: str) -> None:
    publish_to_new_queue(broker.address, ending)
    getattr(broker, ending)()
    broker.start()
    assert wait_for(lambda: take_one(broker.address, ending), "the message") == b"1"


def test_no_process_is_left_after_stop(broker: RealBroker) -> None:
    marker = str(broker.folder)
    assert processes_with(marker)
    broker.stop()
    assert processes_with(marker) == []
    broker.start()


def test_all_ports_are_on_the_loopback_only(broker: RealBroker) -> None:
    listeners = subprocess.run(["/usr/bin/ss", "-Hltn"], stdout=subprocess.PIPE, text=True, check=True).stdout
    addresses = {line.split()[3] for line in listeners.splitlines()}
    ours = {address for address in addresses if int(address.rpartition(":")[2]) in broker.all_ports}
    assert {int(address.rpartition(":")[2]) for address in ours} == broker.all_ports
    assert all(address.startswith(("127.0.0.1:", "[::1]:")) for address in ours), ours


STARTER = """
import sys
from pathlib import Path
from tests.brokers import RealBroker
RealBroker(Path(sys.argv[1])).start()
print("usable", flush=True)
sys.stdin.read()
"""


def test_the_broker_dies_with_its_parent(tmp_path: Path) -> None:
    require_rabbitmq()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"usable\n"
        starter.kill()
    wait_until_gone(str(tmp_path))
