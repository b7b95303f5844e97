"""The processor as a process: hosts behind a host that is down, through its restart; and a host that people retire."""

import time
from pathlib import Path

from msgspec.structs import replace
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.records import Snapshot
from store import agents, fence, retirement
from store.dependencies import add_dependency
from store.engine import reading, transaction
from store.flow import last_flow
from store.incidents import list_incidents
from store.ingest import keep_batch
from store.model import Agent, Batch, Incident
from store.response import Dependency
from store.retirement import Retirement
from store.withheld import withheld_checks
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import envelope, publish
from tests.integration.webhook_receiver import WebHookReceiver, receiving
from tests.unit.processor.deliveries import snapshot
from tests.waiting import wait_for

FULL, FREE = 99.0, 10.0
RULE = "disk-usage"


class Traffic:
    """Snapshots of hosts as they would come now."""

    def __init__(self, channel: BlockingChannel, engine: Engine) -> None:
        self.channel, self.engine, self._seq = channel, engine, 0

    def report(self, agent_id: str, disk: float) -> None:
        """For longer than the rule holds: the last of four readings, 5 s apart, is of now."""
        for before in (3, 2, 1, 0):
            self._seq += 1
            record: Snapshot = replace(snapshot(self._seq, agent_id, disk=disk), wall_seconds=time.time() - 5 * before)
            publish(self.channel, envelope(record))

    def incidents(self, agent_id: str, rule: str = RULE) -> list[Incident]:
        with reading(self.engine) as connection:
            found = list_incidents(connection, "all", agent_id, None, 20)
        return [one for one in found if one.key.rule == rule]

    def is_open(self, agent_id: str) -> bool:
        return any(one.closed_ms is None for one in self.incidents(agent_id))

    def is_read(self) -> bool:
        """Whether all that was sent is kept."""
        with reading(self.engine) as connection:
            return any(one.seq == self._seq for one in agents.list_agents(connection, None, 10))

    def withheld(self) -> list[str]:
        with reading(self.engine) as connection:
            return [one.key.agent_id for one in withheld_checks(connection)]

    def wait_for_flow(self) -> None:
        """Until a canary of a processor that starts now came through: what comes before it is taken for late."""
        since_ms = time.time() * 1000
        wait_for(lambda: self._flowed_ms() > since_ms, "a canary")

    def _flowed_ms(self) -> int:
        with reading(self.engine) as connection:
            flow = last_flow(connection)
        return flow.sent_ms if flow else 0


def test_what_is_explained_survives_a_restart_and_opens_when_nothing_explains_it(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    traffic = Traffic(channel, store_engine)
    now_ms = round(time.time() * 1000)
    known = [Agent(agent_id=one, first_seen_ms=now_ms, last_seen_ms=now_ms) for one in ("gateway", "web")]
    keep_batch(store_engine, Batch(agents=known), fence.claim(store_engine, "test", now_ms))
    with transaction(store_engine) as connection:
        add_dependency(connection, Dependency(dependency_no=0, agent_id="web", parent_agent_id="gateway"))
    process = start_processor()
    traffic.wait_for_flow()
    traffic.report("gateway", FULL)
    wait_for(lambda: traffic.is_open("gateway"), "the gateway's incident")
    traffic.report("web", FULL)
    wait_for(lambda: traffic.withheld() == ["web"], "a check without an incident")
    process.terminate()
    process.wait(30)
    start_processor()
    traffic.wait_for_flow()
    traffic.report("web", FULL)
    wait_for(traffic.is_read, "what the host behind it sends")
    assert traffic.incidents("web") == []
    traffic.report("gateway", FREE)
    wait_for(lambda: not traffic.is_open("gateway"), "the end of the gateway's incident")
    assert traffic.incidents("web") == []
    traffic.report("web", FULL)
    wait_for(lambda: traffic.is_open("web"), "the incident of the host behind it")
    [opened] = traffic.incidents("web")
    assert "until now behind another trouble" in opened.sentence
    assert traffic.withheld() == []


def test_a_retired_host_is_over_for_everybody_until_its_agent_speaks_again(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine, tmp_path: Path
) -> None:
    traffic, file = Traffic(channel, store_engine), tmp_path / "notifications.toml"
    with receiving("secret") as hook:
        file.write_text(f'[channels.hook]\nkind = "webhook"\nurl = "{hook.url}"\nsecret = "secret"\n')
        start_processor(HEALTHMON_NOTIFICATIONS_FILE=str(file))
        traffic.wait_for_flow()
        traffic.report("old", FULL)
        wait_for(lambda: _kinds(hook) == ["problem"], "the problem")
        wish = Retirement(agent_id="old", requested_ms=round(time.time() * 1000), author="ana")
        with transaction(store_engine) as connection:
            retirement.request(connection, wish)
        wait_for(lambda: _is_retired(store_engine), "its retirement")
        [ended] = traffic.incidents("old")
        assert ended.sentence == "the host was retired by ana"
        wait_for(lambda: _kinds(hook) == ["problem", "recovery"], "the end of what was told")
        traffic.report("old", FULL)
        wait_for(lambda: _kinds(hook) == ["problem", "recovery", "problem"], "it is back, and so is its trouble")
    assert not _is_retired(store_engine)
    assert [one.closed_ms is None for one in traffic.incidents("old")] == [True, False]


def _is_retired(engine: Engine) -> bool:
    with reading(engine) as connection:
        found = agents.get_agent(connection, "old")
    return found is not None and found.is_retired


def _kinds(hook: WebHookReceiver) -> list[str]:
    return [notice["kind"] for notice in hook.notices.values()]
