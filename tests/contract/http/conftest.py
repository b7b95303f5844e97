"""A help desk on a real SQLite store, with a clock that stands and a sender that notes what it is given."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from helpdesk_api.access import sha256_of
from helpdesk_api.app import create_app
from helpdesk_api.desk import Desk
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.settings import Settings
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from rabbitmq.commands import Command
from store import fence
from store.engine import open_engine
from store.ingest import keep_batch
from store.model import Batch, KeptBatch
from tests.contract.http.fleet import NOW_MS

ADMIN_KEY = "healthmon_of-this-machine"
CATALOGUE = load_catalogue()
MATCHER = Matcher(CATALOGUE.problems)


@dataclass
class NotingSender:
    """Notes commands; `on_send` plays the agent."""

    connected: bool = True
    blocked: str | None = None
    queue: QueueLook | None = None
    sent: list[tuple[str, Command]] = field(default_factory=list)
    on_send: Callable[[Command], None] = lambda _: None

    def send(self, reply_to: str, command: Command) -> None:
        self.sent.append((reply_to, command))
        self.on_send(command)


@pytest.fixture
def engine(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    file = shutil.copy(sqlite_template, tmp_path / "healthmon.db")
    engine = open_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def keep(engine: Engine) -> Callable[[Batch], KeptBatch]:
    """Keep a batch as the processor does."""
    epoch = fence.claim(engine, "test", NOW_MS)
    return lambda batch: keep_batch(engine, batch, epoch)


@pytest.fixture
def sender() -> NotingSender:
    return NotingSender()


@pytest.fixture
def desk(engine: Engine, sender: NotingSender) -> Desk:
    return Desk(
        settings=Settings(),
        engine=engine,
        catalogue=CATALOGUE,
        matcher=MATCHER,
        sender=sender,
        admin_key_sha256=sha256_of(ADMIN_KEY),
        now_ms=lambda: NOW_MS,
        poll_wait_seconds=0,
    )


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with client_of(desk) as client:
        yield client


def client_of(desk: Desk) -> TestClient:
    return TestClient(create_app(desk), base_url="http://localhost:8000", raise_server_exceptions=True)


ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
