"""The processor as a process tells what it finds, and does not start with notification settings that nobody can use."""

import time
from pathlib import Path

from msgspec.structs import replace
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.records import Snapshot
from store.engine import reading
from store.flow import last_flow
from store.incidents import get_incident, list_incidents
from store.model import Change
from store.notices import add_test, get_notice
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import envelope, publish
from tests.integration.webhook_receiver import receiving
from tests.unit.processor.deliveries import snapshot
from tests.waiting import wait_for

CROSSING = 4  # readings above the limit, 5 s apart: longer than the rule holds


def test_what_the_processor_finds_arrives_at_a_web_hook(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "notifications.toml"
    with receiving("secret") as hook:
        file.write_text(f'[channels.hook]\nkind = "webhook"\nurl = "{hook.url}"\nsecret = "secret"\n')
        start_processor(HEALTHMON_NOTIFICATIONS_FILE=str(file), HEALTHMON_PUBLIC_URL="https://hub.example")
        number = add_test(store_engine, "hook", round(time.time() * 1000))
        wait_for(lambda: _flows(store_engine), "a canary: what comes before it is taken for late")
        publish(channel, *(envelope(_now(seq)) for seq in range(1, CROSSING + 1)))
        wait_for(lambda: {"test", "problem"} <= {notice["kind"] for notice in hook.notices.values()}, "both notices")
    [told] = [notice for notice in hook.notices.values() if notice["kind"] == "problem"]
    with reading(store_engine) as connection:
        [incident] = list_incidents(connection, "open", None, None, 10)
        tried = get_notice(connection, number)
    assert told["url"] == f"https://hub.example/i/{incident.number}"
    assert told["sentence"] == incident.sentence
    assert tried is not None
    assert tried.why.startswith("200")
    wait_for(lambda: "told hook" in _told(store_engine, incident.number), "who was told, in the timeline")


def test_settings_that_nobody_can_use_stop_the_start(start_processor: StartProcess, tmp_path: Path) -> None:
    file = tmp_path / "notifications.toml"
    file.write_text('[channels.a]\nkind = "apprise"\nurl = "mailtoo://x"\n')
    assert start_processor(HEALTHMON_NOTIFICATIONS_FILE=str(file)).wait(60) == 2


def _now(seq: int) -> Snapshot:
    """A snapshot of a full disk as it would come now, after those before it."""
    return replace(snapshot(seq, disk=99.0), wall_seconds=time.time() + 5 * (seq - CROSSING))


def _flows(engine: Engine) -> bool:
    with reading(engine) as connection:
        return last_flow(connection) is not None


def _told(engine: Engine, number: int) -> list[str]:
    with reading(engine) as connection:
        incident = get_incident(connection, number)
    return [entry.sentence for entry in incident.timeline if entry.change is Change.NOTIFIED] if incident else []
