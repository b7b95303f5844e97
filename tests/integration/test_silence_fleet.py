"""A whole fleet and the way of its records: a broker that restarts, a processor that is away, a machine that dies."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.model import HUB, Change
from tests.brokers import require_rabbitmq
from tests.integration.silence_stage import Stage
from tests.waiting import wait_for

AGENTS = 200
PATIENCE_SECONDS = 16.0
AWAY_SECONDS = 60.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    require_rabbitmq()
    own = Stage(tmp_path)
    try:
        own.open()
        yield own
    finally:
        own.close()


def let_pass(seconds: float, what: str) -> None:
    """Time in which something must not happen."""
    ends_at = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > ends_at, what, within_seconds=seconds + 10)


def all_heard(stage: Stage, since_ms: int) -> bool:
    known = stage.agents()
    return len(known) == AGENTS and all(agent.last_seen_ms > since_ms for agent in known)


def agent_incidents(stage: Stage) -> int:
    return sum(bool(stage.incidents(agent.agent_id, "agent-silent")) for agent in stage.agents())


@pytest.mark.slow
def test_what_befalls_the_way_of_records_blames_no_agent_and_a_dead_machine_is_one_family(stage: Stage) -> None:
    stage.start_processor()
    fleet = stage.start_simulator("--agents", str(AGENTS), "--duration", "3600")
    wait_for(lambda: all_heard(stage, 0), "the fleet is known")
    let_pass(PATIENCE_SECONDS, "the time of grace")

    stage.broker.stop()
    stage.broker.start()
    back_ms = time.time_ns() // 1_000_000
    wait_for(lambda: all_heard(stage, back_ms), "all are heard after the broker's restart", within_seconds=120)
    let_pass(2 * PATIENCE_SECONDS, "silence would show by now")
    assert agent_incidents(stage) == 0
    assert len(stage.pipeline_incidents()) <= 1
    print("after the restart:", [one.sentence for one in stage.pipeline_incidents()])

    before = len(stage.pipeline_incidents())
    stage.stop_processor()
    let_pass(AWAY_SECONDS, "the processor is away")
    stage.start_processor()
    wait_for(lambda: stage.pipeline_incidents()[before:], "the absence is told of")
    wait_for(lambda: stage.pipeline_incidents()[-1].closed_ms, "the backlog is read", within_seconds=120)
    away = stage.pipeline_incidents()[-1]
    assert away.is_late
    assert [entry.change for entry in away.timeline] == [Change.OPENED, Change.CLOSED]
    let_pass(2 * PATIENCE_SECONDS, "silence would show by now")
    assert agent_incidents(stage) == 0

    fleet.kill()
    wait_for(lambda: agent_incidents(stage) == AGENTS, lambda: stage.log_of("processor"))
    [family] = stage.incidents(HUB, "group-silent")
    print(family.sentence)
    assert family.closed_ms is None
    wait_for(
        lambda: stage.incidents(HUB, "group-silent")[0].sentence.startswith(f"{AGENTS} of {AGENTS} agents"),
        lambda: stage.incidents(HUB, "group-silent")[0].sentence,
    )
    assert len(stage.pipeline_incidents()) == before + 1
