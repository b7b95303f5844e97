"""Two processors whose broker goes away: the owner keeps telling; one that dies is followed by the other, once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from store import fence, tables
from store.engine import reading
from store.flow import last_flow
from store.model import HUB
from tests.brokers import require_rabbitmq
from tests.integration.silence_stage import Stage
from tests.integration.webhook_receiver import WebHookReceiver, receiving
from tests.waiting import wait_for

LONGER_THAN_ANY_PATIENCE_MS = 45_000


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    require_rabbitmq()
    opened = Stage(tmp_path)
    try:
        opened.open()
        yield opened
    finally:
        opened.close()


def epoch_of(stage: Stage) -> int:
    with reading(stage.engine) as connection:
        return fence.held(connection).epoch


def owner_of(stage: Stage) -> int:
    """Its process id."""
    with reading(stage.engine) as connection:
        return int(connection.execute(select(tables.fence.c.owner)).scalar_one().rpartition(":")[2])


def flow_age_ms(stage: Stage) -> int | None:
    with reading(stage.engine) as connection:
        flow = last_flow(connection)
    return None if flow is None else time.time_ns() // 1_000_000 - flow.stored_ms


def told(hook: WebHookReceiver) -> list[tuple[str, str]]:
    """Rule and kind of all notices that came, copies too."""
    return [(notice["rule"], notice["kind"]) for body in hook.bodies for notice in body["notices"]]


def test_the_owner_stays_and_who_follows_a_dead_one_stays_too(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "notifications.toml"
    monkeypatch.setenv("HEALTHMON_NOTIFICATIONS_FILE", str(file))
    with receiving("secret") as hook:
        route = '[[routes]]\nchannels = ["hook"]\ngrouping_seconds = 0\n'
        file.write_text(f'[channels.hook]\nkind = "webhook"\nurl = "{hook.url}"\nsecret = "secret"\n{route}')
        stage.start_processor()
        owner = stage.processor
        assert owner is not None
        wait_for(lambda: flow_age_ms(stage) is not None, "a canary")
        stage.start_processor()
        standby = stage.processor
        assert standby is not None
        wait_for(lambda: stage.log_of("processor").count("connected to RabbitMQ") == 2, "both are connected")
        claimed = epoch_of(stage)
        assert owner_of(stage) == owner.pid

        stage.broker.stop()
        wait_for(lambda: told(hook) == [("pipeline", "problem")], "the owner tells of it")

        def nobody_claims() -> bool:
            assert epoch_of(stage) == claimed
            return (flow_age_ms(stage) or 0) > LONGER_THAN_ANY_PATIENCE_MS

        wait_for(nobody_claims, "a broker that is away for long", within_seconds=90)

        owner.send_signal(signal.SIGKILL)
        wait_for(lambda: epoch_of(stage) == claimed + 1, "the standby takes over")
        wait_for(lambda: "no other one does" in stage.log_of("processor"), "it says so")

        stage.broker.start()
        wait_for(lambda: ("pipeline", "recovery") in told(hook), "the end is told")
        wait_for(lambda: (flow_age_ms(stage) or 0) < 10_000, "canaries flow")
        assert told(hook) == [("pipeline", "problem"), ("pipeline", "recovery")]
        assert len(stage.incidents(HUB, "pipeline")) == 1
        assert owner_of(stage) == standby.pid
