"""What an agent keeps over the hours, on a clock that stands still but for the agent's own waiting."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from agent.agent import SPOOL_FILE, Agent
from agent.host import Host
from agent.identity import claim_identity
from agent.settings import Settings
from agent.spool import Spool
from rabbitmq.records import AnyRecord, Goodbye, Hello, Snapshot
from tests.unit.agent.stamping import WALL_SECONDS, stamper

HOST = Host(Path("/proc"), Path("/sys"), Path("/"), "host")


class Simulated:
    """Clock, inbox and publisher at once: waiting moves the clock, and at `end_seconds` the agent is stopped."""

    failure = None
    confirmed_count = 0
    last_confirmed_seconds = None
    hub = SimpleNamespace(state="disconnected", since_seconds=WALL_SECONDS, why="", advice="")

    def __init__(self, end_seconds: float) -> None:
        self.now_seconds = 1000.0
        self._end_seconds = 1000.0 + end_seconds
        self.stop_agent: Callable[[str], None]

    def monotonic(self) -> float:
        return self.now_seconds

    def time(self) -> float:
        return WALL_SECONDS

    def wait(self, timeout_seconds: float) -> None:
        self.now_seconds += timeout_seconds
        if self.now_seconds > self._end_seconds:
            self.stop_agent("stopped")

    def put(self, _body: bytes) -> None: ...
    def wake(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def nudge(self) -> None: ...
    def wait_until_sent(self, _timeout_seconds: float) -> None: ...


def run_for(folder: Path, monkeypatch: pytest.MonkeyPatch, end_seconds: float, name: str = "web-3") -> list[AnyRecord]:
    """All records of a run of that many seconds, with a snapshot every five minutes."""
    world = Simulated(end_seconds)
    monkeypatch.setattr("agent.agent.time", world)
    monkeypatch.setattr("agent.agent.Inbox", lambda: world)
    monkeypatch.setattr("agent.agent.Publisher", lambda *_arguments, **_keywords: world)
    monkeypatch.setattr("agent.agent.system_information", lambda _host: None)
    identity = claim_identity(folder)
    agent = Agent(Settings(interval_seconds=300.0, name=name), identity, HOST, [])
    world.stop_agent = agent.stop
    agent.run()
    spool = Spool(identity.folder / SPOOL_FILE, stamper())
    bodies = [body for _, body in spool.take_oldest(1000, 1 << 20)]
    spool.close()
    return [msgspec.json.decode(body, type=AnyRecord) for body in bodies]


def test_hello_comes_again_once_an_hour_before_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [type(record) for record in run_for(tmp_path, monkeypatch, 2 * 3600.0 + 299)]
    an_hour = [Hello] + 12 * [Snapshot]
    assert kinds == [*an_hour, *an_hour, Hello, Snapshot, Goodbye]


def test_a_name_given_fits_the_hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hello = run_for(tmp_path, monkeypatch, 1.0, name="web\x00-\x1b3\n")[0]
    assert isinstance(hello, Hello)
    assert hello.host_name == "web-3"


def test_a_damaged_spool_of_which_nothing_is_known_is_told_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "slots/0").mkdir(parents=True)
    (tmp_path / "slots/0" / SPOOL_FILE).write_bytes(b"no database at all" * 100)
    run_for(tmp_path, monkeypatch, 1.0)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "spool was damaged" in told
    assert "no loss record can name them" in told
