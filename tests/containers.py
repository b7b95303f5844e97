"""Servers in containers, for tests, where a Docker engine answers and has the images of docker-compose.yml."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pika
from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.rabbitmq import RabbitMqContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from rabbitmq.connection import BrokerAddress
from rabbitmq.management import BrokerUnavailable, LoginRefused, Management
from tests.waiting import wait_for

RABBITMQ_IMAGE = "rabbitmq:4-management"
POSTGRES_IMAGE = "postgres:17"
CONFIGURATION = Path(__file__).parents[1] / "rabbitmq"
MANAGEMENT_PORT = 15672

# the fixtures remove their containers; the reaper would need an image of its own
testcontainers_config.ryuk_disabled = True


@cache
def engine_has(image: str) -> bool:
    """Whether a Docker engine answers and holds the image; none is pulled."""
    try:
        found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0


@contextmanager
def rabbitmq_container() -> Iterator[tuple[BrokerAddress, Management]]:
    """The broker with the configuration and plugins that users get."""
    container = RabbitMqContainer(RABBITMQ_IMAGE, username="guest", password="guest")
    container.with_exposed_ports(container.port, MANAGEMENT_PORT)
    for name in ("rabbitmq.conf", "enabled_plugins"):
        container.with_volume_mapping(str(CONFIGURATION / name), f"/etc/rabbitmq/{name}", "ro")
    with _running(container):
        parameters: pika.ConnectionParameters = container.get_connection_params()
        management_port = int(container.get_exposed_port(MANAGEMENT_PORT))
        management = Management(parameters.host, management_port, "guest", "guest")
        wait_for(lambda: _answers(management), "the management API")
        yield BrokerAddress(parameters.host, parameters.port, "guest", "guest"), management


@contextmanager
def postgres_container() -> Iterator[str]:
    """The URL of its administrator's database."""
    container = PostgresContainer(
        POSTGRES_IMAGE, username="healthmon", password="healthmon", dbname="postgres", driver=None
    )
    with _running(container):
        yield container.get_connection_url()


@contextmanager
def _running(container: DockerContainer) -> Iterator[None]:
    try:
        with container:
            yield
    finally:
        container.get_docker_client().client.close()


def _answers(management: Management) -> bool:
    try:
        management.call("GET", "overview")
    except (BrokerUnavailable, LoginRefused):
        return False
    return True
