"""What an agent keeps over the hours, on a clock that stands still but for the agent's own waiting."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from agent.agent import SPOOL_FILE, Agent
from agent.checks.runner import FinishedCheck
from agent.collectors import all_collectors
from agent.collectors.collection import Running
from agent.host import Host
from agent.identity import claim_identity
from agent.settings import Settings
from agent.spool import Spool
from agent.stamp import Stamp
from rabbitmq.commands import Command
from rabbitmq.readings import METRIC_GROUPS
from rabbitmq.records import AnyRecord, Evidence, Goodbye, Hello, Record, Result, Snapshot
from tests.unit.agent.local import result
from tests.unit.agent.spools import drain
from tests.unit.agent.stamping import WALL_SECONDS, stamper

COMMANDED_SECONDS = 1100.0
COLLECTORS: Callable[[], list[Running]] = list
HOST = Host(Path("/proc"), Path("/sys"), Path("/"), "host")


class Simulated:
    """Clock, inbox and publisher at once: waiting moves the clock, and at `end_seconds` the agent is stopped."""

    latest: "Simulated"
    command: tuple[str, dict[str, object]] | None = None
    agent_id = ""
    work_seconds = 0.0  # what passes from one look at the clock to the next
    failure = None
    confirmed_count = 0
    last_confirmed_seconds = None
    hub = SimpleNamespace(state="disconnected", since_seconds=WALL_SECONDS, why="", advice="")

    def __init__(self, end_seconds: float) -> None:
        self.now_seconds = 1000.0
        self._end_seconds = 1000.0 + end_seconds
        self.stop_agent: Callable[[str], None]
        self.on_wait: Callable[[], None] = lambda: None
        Simulated.latest = self

    def monotonic(self) -> float:
        self.now_seconds += self.work_seconds
        return self.now_seconds

    def time(self) -> float:
        return WALL_SECONDS

    def wait(self, timeout_seconds: float) -> Command | None:
        self.now_seconds += timeout_seconds
        self.on_wait()
        if self.now_seconds > self._end_seconds:
            self.stop_agent("stopped")
        if self.command is None or self.now_seconds < COMMANDED_SECONDS:
            return None
        (kind, arguments), self.command = self.command, None
        return Command(
            command_id="c-1",
            agent_id=self.agent_id,
            kind=kind,
            issued_seconds=WALL_SECONDS,
            expires_seconds=WALL_SECONDS + 60,
            arguments=arguments,
        )

    def put(self, _body: bytes) -> None: ...
    def wake(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def nudge(self) -> None: ...
    def wait_until_sent(self, _timeout_seconds: float) -> None: ...


def run_for(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    end_seconds: float,
    name: str = "web-3",
    *,
    interval_seconds: float = 300.0,
    read_back: bool = True,
) -> list[AnyRecord]:
    """All records on the disk after a run of that many seconds, with a snapshot every five minutes."""
    world = Simulated(end_seconds)
    monkeypatch.setattr("agent.agent.time", world)
    monkeypatch.setattr("agent.agent.Inbox", lambda: world)
    monkeypatch.setattr("agent.agent.Publisher", lambda *_arguments, **_keywords: world)
    monkeypatch.setattr("agent.agent.PublisherThread", lambda _publisher: world)
    monkeypatch.setattr("agent.agent.LocalLoop", lambda: None)
    monkeypatch.setattr("agent.agent.system_information", lambda _host, _disk: None)
    identity = claim_identity(folder)
    world.agent_id = identity.agent_id
    agent = Agent(Settings(interval_seconds=interval_seconds, name=name), identity, HOST, COLLECTORS())
    world.stop_agent = agent.stop
    agent.run()
    if not read_back:
        return []
    spool = Spool(identity.folder / SPOOL_FILE, stamper())
    records = drain(spool)
    spool.close()
    return records


class Checks:
    """One active check that is found critical when the world's clock reaches `at_seconds`, and wakes the agent."""

    def __init__(self, world: "Simulated", wake: Callable[[], None], at_seconds: float) -> None:
        self._world, self._wake, self._at_seconds = world, wake, at_seconds
        self.asked = 0
        world.on_wait = self._look

    def _look(self) -> None:
        if self._at_seconds <= self._world.now_seconds:
            self._at_seconds = float("inf")
            self._finished = [FinishedCheck(result("critical", attempts=1), {"custom.answer_seconds": 0.25})]
            self._wake()

    def take(self) -> list[FinishedCheck]:
        found, self._finished = getattr(self, "_finished", []), []
        return found

    def names(self) -> list[str]:
        return ["web"]

    def run_now(self) -> None:
        self.asked += 1

    def start(self) -> None: ...
    def stop(self) -> None: ...


def test_a_check_that_changed_is_reported_out_of_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_checks: object, wake: Callable[[], None]) -> Checks:
        return Checks(Simulated.latest, wake, 1100.0)

    monkeypatch.setattr("agent.agent.CheckRunner", make)
    records = run_for(tmp_path, monkeypatch, 299)
    hello, first, second, *_ = records
    assert isinstance(hello, Hello)
    assert hello.checks == ["web"]
    assert isinstance(first, Snapshot)
    assert isinstance(second, Snapshot)
    assert (first.trigger, first.checks) == ("interval", [])
    assert (second.trigger, [each.name for each in second.checks]) == ("check", ["web"])
    assert second.readings["custom.answer_seconds"] == 0.25
    evidence = [record for record in records if isinstance(record, Evidence)]
    assert [type(record) for record in records].count(Snapshot) == 2
    assert len(evidence) <= 1  # made in another thread, it may come too late for so short a life


@pytest.mark.parametrize(("interval_seconds", "scope"), [(1.0, "host"), (2.0, "host"), (2.0, "container")])
def test_each_snapshot_is_told_by_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval_seconds: float, scope: Literal["host", "container"]
) -> None:
    told: list[int] = []
    monkeypatch.setattr(Simulated, "work_seconds", 0.001)
    monkeypatch.setattr("agent.agent.write_status", lambda _folder, status: told.append(status.last_seq))
    monkeypatch.setattr("tests.unit.agent.test_agent_loop.HOST", replace(HOST, scope=scope))
    run_for(tmp_path, monkeypatch, 9.5, interval_seconds=interval_seconds, read_back=False)
    snapshots = 1 + int(9.5 / interval_seconds)
    assert set(told) >= set(range(2, snapshots + 1))  # the hello is 1
    assert told[-1] == snapshots + 2  # after the goodbye


def commanded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, arguments: dict[str, object]
) -> list[AnyRecord]:
    """The records of a run of 299 s that gets one command after 100 s."""
    monkeypatch.setattr(Simulated, "command", (kind, arguments))
    return run_for(folder, monkeypatch, 299)


def test_configure_is_in_force_at_once_and_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = commanded(tmp_path, monkeypatch, "configure", {"interval_seconds": 60})
    (told,) = [record for record in records if isinstance(record, Result)]
    assert (told.outcome, told.detail) == ("done", "reports every 60 s")
    assert [r.interval_seconds for r in records if isinstance(r, Snapshot)] == [300.0, 60.0, 60.0, 60.0, 60.0]
    monkeypatch.setattr(Simulated, "command", None)
    (again, *_) = [record for record in run_for(tmp_path, monkeypatch, 59) if record.seq > records[-1].seq]
    assert isinstance(again, Hello)
    assert again.interval_seconds == 60.0


def test_metric_groups_are_chosen_while_it_runs_and_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = [name for name in METRIC_GROUPS if name != "uptime"]
    monkeypatch.setattr("tests.unit.agent.test_agent_loop.COLLECTORS", all_collectors)
    records = commanded(tmp_path, monkeypatch, "configure", {"collectors": ["uptime"]})
    assert [type(record) for record in records] == [Hello, Snapshot, Hello, Result, Snapshot, Goodbye]
    first_hello, first, hello, result, second, _ = records
    assert isinstance(first_hello, Hello)
    assert (first_hello.collectors, first_hello.collectors_told) == (list(METRIC_GROUPS), False)
    assert isinstance(hello, Hello)
    assert (hello.collectors, hello.collectors_told, hello.interval_seconds) == (["uptime"], True, 300.0)
    assert isinstance(result, Result)
    assert (result.outcome, result.detail) == ("done", "measures uptime")
    assert isinstance(first, Snapshot)
    assert isinstance(second, Snapshot)
    assert (first.switched_off, second.switched_off) == ([], off)
    assert "memory.usage_percent" in first.readings
    assert (list(second.readings), second.errors) == (["system.uptime_seconds"], {})
    monkeypatch.setattr(Simulated, "command", ("configure", {"collectors": None}))
    again = [record for record in run_for(tmp_path, monkeypatch, 299) if record.seq > records[-1].seq]
    assert [record.switched_off for record in again if isinstance(record, Snapshot)] == [off, []]
    assert [record.detail for record in again if isinstance(record, Result)] == [
        f"measures {', '.join(METRIC_GROUPS)}, as its settings say"
    ]
    assert [record.collectors_told for record in again if isinstance(record, Hello)] == [True, False]


def test_configure_with_bad_arguments_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = commanded(tmp_path, monkeypatch, "configure", {"interval_seconds": 0})
    (told,) = [record for record in records if isinstance(record, Result)]
    assert (told.outcome, told.detail) == ("refused", "interval_seconds must be from 1 to 300")
    assert [r.interval_seconds for r in records if isinstance(r, Snapshot)] == [300.0]


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


def test_a_record_that_cannot_be_written_is_named_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.agent.CheckRunner.names", lambda _runner: ["web\udcff"])
    records = run_for(tmp_path, monkeypatch, 299 + 300)
    assert [type(record) for record in records] == [Snapshot, Snapshot, Goodbye]
    first, second, _ = records
    assert isinstance(first, Snapshot)
    assert isinstance(second, Snapshot)
    assert first.errors["hello"].startswith("left out, it cannot be written as a record: UnicodeEncodeError")
    assert second.errors == {}
    assert "this hello is left out" in caplog.text
    assert [record.seq for record in records] == [1, 2, 3]


def test_a_snapshot_that_cannot_be_written_is_told_by_one_without_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {'a{file="\udcff"}': 1.0}
    monkeypatch.setattr("agent.agent.collect_all", lambda *_arguments: (dict(bad), {}))
    records = run_for(tmp_path, monkeypatch, 299 + 600)
    snapshots = [record for record in records if isinstance(record, Snapshot)]
    assert [record.readings for record in snapshots] == [{}] * 3
    assert all("cannot be written as a record" in record.errors["snapshot"] for record in snapshots)
    assert isinstance(records[-1], Goodbye)
    assert caplog.text.count("this snapshot is left out") == 1
