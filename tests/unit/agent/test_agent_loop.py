"""What an agent keeps over the hours, on a clock that stands still but for the agent's own waiting."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.agent import SPOOL_FILE, Agent
from agent.host import Host
from agent.identity import claim_identity
from agent.settings import Settings
from agent.spool import Spool
from agent.stamp import Stamp
from rabbitmq.records import AnyRecord, Goodbye, Hello, Record, Snapshot
from tests.unit.agent.spools import drain
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


def run_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, end_seconds: float, name: str = "web-3", *, read_back: bool = True
) -> list[AnyRecord]:
    """All records on the disk after a run of that many seconds, with a snapshot every five minutes."""
    world = Simulated(end_seconds)
    monkeypatch.setattr("agent.agent.time", world)
    monkeypatch.setattr("agent.agent.Inbox", lambda: world)
    monkeypatch.setattr("agent.agent.Publisher", lambda *_arguments, **_keywords: world)
    monkeypatch.setattr("agent.agent.PublisherThread", lambda _publisher: world)
    monkeypatch.setattr("agent.agent.LocalLoop", lambda: None)
    monkeypatch.setattr("agent.agent.system_information", lambda _host: None)
    identity = claim_identity(folder)
    agent = Agent(Settings(interval_seconds=300.0, name=name), identity, HOST, [])
    world.stop_agent = agent.stop
    agent.run()
    if not read_back:
        return []
    spool = Spool(identity.folder / SPOOL_FILE, stamper())
    records = drain(spool)
    spool.close()
    return records


def test_hello_comes_again_once_an_hour_before_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [type(record) for record in run_for(tmp_path, monkeypatch, 2 * 3600.0 + 299)]
    an_hour = [Hello] + 12 * [Snapshot]
    assert kinds == [*an_hour, *an_hour, Hello, Snapshot, Goodbye]


def test_a_name_given_fits_the_hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hello = run_for(tmp_path, monkeypatch, 1.0, name="web\x00-\x1b3\n")[0]
    assert isinstance(hello, Hello)
    assert hello.host_name == "web-3"


def test_each_snapshot_tells_that_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Record] = []

    def append(_spool: Spool, build: Callable[[Stamp], Record]) -> int:
        kept.append(build(stamper()(1, 1)))
        return len(kept)

    with monkeypatch.context() as patch:
        patch.setattr("agent.spool.open_rows", _refused)
        patch.setattr("agent.spool_refuge.Spool.append", append)
        run_for(tmp_path, patch, 700.0, read_back=False)
    snapshots = [record for record in kept if isinstance(record, Snapshot)]
    assert len(snapshots) == 3
    assert all("Input/output error" in snapshot.errors["spool"] for snapshot in snapshots)


def _refused(*_arguments: object, **_keywords: object) -> None:
    raise OSError("Input/output error")


def test_a_damaged_spool_of_which_nothing_is_known_is_told_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "slots/0").mkdir(parents=True)
    (tmp_path / "slots/0" / SPOOL_FILE).write_bytes(b"no database at all" * 100)
    run_for(tmp_path, monkeypatch, 1.0)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "spool was damaged" in told
    assert "no loss record can name it" in told
