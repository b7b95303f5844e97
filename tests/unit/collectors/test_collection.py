import json
import os
from dataclasses import dataclass, field

import msgspec
import pytest

from agent.collectors import all_collectors
from agent.collectors.collection import LONGEST_NAME, LONGEST_REASON, Running, collect_all
from agent.collectors.collector import Fact, NotHere, Partial
from agent.host import Host, boot_seconds
from rabbitmq.records import Readings, Snapshot, convert_record, encode_record
from tests.unit.collectors.recordings import server_first

HOST = server_first()


@dataclass
class Fixed:
    """A collector that gives what it was told to."""

    name: str
    gives: Readings | Exception
    period_seconds: float | None = None
    facts: tuple[Fact, ...] = ()
    times: list[float] = field(default_factory=list)

    def collect(self, host: Host, now_seconds: float) -> Readings:
        assert host is HOST
        self.times.append(now_seconds)
        if isinstance(self.gives, Exception):
            raise self.gives
        return dict(self.gives)


def collect(*collectors: Fixed, now_seconds: float = 100.0) -> tuple[Readings, dict[str, str]]:
    return collect_all([Running(collector) for collector in collectors], HOST, now_seconds)


def test_readings_of_all_collectors_come_together() -> None:
    assert collect(Fixed("a", {"a.x": 1.0}), Fixed("b", {"b.y": 2.0})) == ({"a.x": 1.0, "b.y": 2.0}, {})


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (KeyError("MemTotal"), "KeyError: 'MemTotal'"),
        (FileNotFoundError(2, "No such file or directory", "/proc/x"), "/proc/x"),
        (NotHere("no load average here"), "no load average here"),
    ],
)
def test_a_failing_collector_is_named_and_stops_no_other(failure: Exception, reason: str) -> None:
    readings, errors = collect(Fixed("a", {"a.x": 1.0}), Fixed("bad", failure), Fixed("c", {"c.z": 3.0}))
    assert readings == {"a.x": 1.0, "c.z": 3.0}
    assert list(errors) == ["bad"]
    assert reason in errors["bad"]


def test_a_partial_failure_gives_what_there_is() -> None:
    partial = Partial({"disk.x": 1.0}, {'disk{mount="/b"}': "did not answer"})
    assert collect(Fixed("disk", partial)) == ({"disk.x": 1.0}, {'disk{mount="/b"}': "did not answer"})


def test_a_slower_collector_runs_once_in_each_of_its_periods() -> None:
    slow, quick = Fixed("slow", {"slow.x": 1.0}, period_seconds=30.0), Fixed("quick", {"quick.x": 1.0})
    running = [Running(slow), Running(quick)]
    given_at = [
        now
        for now in (100.0, 105.0, 119.99, 120.01, 125.0, 149.98, 150.0, 290.0)
        if "slow.x" in collect_all(running, HOST, now)[0]
    ]
    assert given_at == [100.0, 120.01, 150.0, 290.0]
    assert len(quick.times) == 8


def test_names_and_reasons_a_record_cannot_hold_are_cut_and_told() -> None:
    long = "disk.x" + "y" * LONGEST_NAME
    readings, errors = collect(Fixed("a", {long: 1.0, "a.x": 2.0}), Fixed("bad", ValueError("z" * 9000)))
    assert readings == {"a.x": 2.0}
    assert "longer than 256" in errors["a"]
    assert len(errors["bad"]) == LONGEST_REASON


def test_a_real_collection_is_a_valid_record() -> None:
    readings, errors = collect_all(all_collectors(), Host.detect(os.environ), boot_seconds())
    snapshot = Snapshot(
        agent_id="a",
        epoch=1,
        seq=1,
        boot_id="b",
        wall_seconds=0.0,
        boot_seconds=0.0,
        readings=readings,
        interval_seconds=5.0,
        scope="host",
        errors=errors,
    )
    assert convert_record(json.loads(encode_record(snapshot))) == snapshot
    assert "memory.usage_percent" in readings


def test_no_text_of_a_collector_is_more_than_a_record_can_hold() -> None:
    readings, errors = collect(
        Fixed("a", Partial({'a{file="x\udcff"}': 1.0, 'a{file="y\0"}': 1.0, "a.b": 1.0}, {"a\udcfe": "x\udcfd\0y"})),
        Fixed("b", OSError(2, "No such file or directory", "/x\udcfc")),
        Fixed("c", {'c{mount="/a\u00a0b"}': 1.0}),
    )
    assert readings == {"a.b": 1.0, 'c{mount="/a\u00a0b"}': 1.0}
    assert errors["a\\udcfe"] == "x\\udcfdy"
    assert errors["a"].startswith("a reading's name holds ")
    assert "/x\\udcfc" in errors["b"]
    assert msgspec.json.encode(errors)
