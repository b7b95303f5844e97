"""Why nothing is heard: real agents, a real broker and a real processor, and each time the right cause.

The agents that hang and whose cable is pulled live in a network of their own; a firewall on the way out of it drops
their packets.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from faults.namespace import Namespace
from faults.row import CannotRun
from store.engine import transaction
from store.model import HUB, Change
from store.tables import flow
from tests.brokers import require_rabbitmq
from tests.integration.silence_stage import Stage
from tests.waiting import wait_for

AWAY_MS = 300_000
FREE_DISK_LIMIT = "512MB"


@dataclass
class Cast:
    """Who is on stage: `near` agents run on the broker's host, `far` behind a road that can be cut."""

    stage: Stage
    road: Namespace


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """Before the processor, another one stored something 5 minutes ago: it is back after an absence."""
    require_rabbitmq()
    road = Namespace(os.getpid())
    try:
        road.make()
    except CannotRun as why:
        pytest.skip(str(why))
    stage = Stage(tmp_path_factory.mktemp("silence"), road.host_address)
    try:
        stage.open()
        now_ms = time.time_ns() // 1_000_000
        with transaction(stage.engine) as connection:
            connection.execute(flow.insert().values(one=1, sent_ms=now_ms - AWAY_MS, stored_ms=now_ms - AWAY_MS))
        yield Cast(stage, road)
    finally:
        stage.close()
        road.remove()


def test_each_silence_has_its_cause(cast: Cast) -> None:
    stage, road = cast.stage, cast.road
    names = ("killed", "stopped", *(f"calm-{number}" for number in range(2)))
    stage.start_processor()
    _the_absence_is_history(stage)
    time_of_grace = time.monotonic() + 16
    near = {name: stage.start_agent(name) for name in names}
    far = stage.start_agent("far", road.inside)
    wait_for(lambda: stage.agents()[-1:] and len(stage.agents()) == 5, "all agents known")
    wait_for(lambda: time.monotonic() > time_of_grace, "the time of grace is over")

    far.send_signal(signal.SIGSTOP)
    near["stopped"].terminate()
    near["killed"].kill()
    died = stage.wait_until_silent("killed", 10.0)
    assert "without a goodbye" in died.sentence
    assert died.sentence.endswith("the agent died")
    hung = stage.wait_until_silent("far")
    assert hung.sentence.endswith("its address answers: the agent hangs")
    far.send_signal(signal.SIGCONT)
    stage.wait_until_heard("far")
    stage.start_agent("killed")
    stage.wait_until_heard("killed")

    road.drop_outgoing()
    road.drop_incoming()
    down = stage.wait_until_silent("far")
    assert down.sentence.endswith("its address does not answer: most likely the host or its uplink is down")
    road.heal()
    stage.wait_until_heard("far")

    assert stage.silences("stopped") == []
    assert [len(stage.silences(name)) for name in ("killed", "far", "calm-0", "calm-1")] == [1, 2, 0, 0]
    assert stage.incidents(HUB, "group-silent") == []
    assert len(stage.pipeline_incidents()) == 1, "the absence, and nothing else"
    _a_blocked_broker_blames_no_agent(stage)


def _the_absence_is_history(stage: Stage) -> None:
    away = wait_for(stage.pipeline_incidents, "the absence is told of")[0]
    assert away.is_late
    assert away.sentence.startswith("The processor was away from ") or away.closed_ms is not None
    wait_for(lambda: stage.pipeline_incidents()[0].closed_ms, lambda: stage.log_of("processor"))
    [entry, closed] = stage.pipeline_incidents()[0].timeline
    assert (entry.change, closed.change) == (Change.OPENED, Change.CLOSED)
    assert "(5 min): records waited, none is lost" in entry.sentence


def _a_blocked_broker_blames_no_agent(stage: Stage) -> None:
    stage.broker.ctl("set_disk_free_limit", "1000000GB")
    blocked = wait_for(lambda: stage.pipeline_incidents()[1:], lambda: stage.log_of("processor"))[0]
    assert blocked.sentence.startswith("RabbitMQ is in alarm (low on disk)")
    outlasts_patience = time.monotonic() + 6  # with the 10 s until that was told: longer than any agent's time
    wait_for(lambda: time.monotonic() > outlasts_patience, "agents were silent for longer than they may")
    stage.broker.ctl("set_disk_free_limit", FREE_DISK_LIMIT)
    wait_for(lambda: stage.pipeline_incidents()[1].closed_ms, "records flow again")
    assert [len(stage.silences(name)) for name in ("killed", "far", "calm-0", "calm-1")] == [1, 2, 0, 0]
