"""`docker-compose up` as users start it: healthy, four agents, quiet, safe, and nothing is lost when parts die."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deploy.secrets import write_secrets
from tests.end_to_end.compose_stack import OURS, ComposeStack, require_engine
from tests.waiting import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.slow]

QUIET_LINES = 30
AGENTS = 4
RECORDS_EACH = 200
KILLS_AT_LEAST = 50
CAUGHT_UP_SECONDS = 150  # twice an agent's longest back-off, and some
VICTIMS = ("processor", "rabbitmq", "postgres", "helpdesk", "agent")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    require_engine()
    env_file = tmp_path_factory.mktemp("compose") / ".env"
    env_file.touch()
    started = ComposeStack(env_file)
    try:
        started.must("up", "--build", "-d")
        started.wait_until_healthy()
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")


def all_four_report(stack: ComposeStack) -> list[dict[str, Any]]:
    """The four agents, once all of them have fresh metrics."""

    def reporting() -> list[dict[str, Any]]:
        agents = [agent for agent in stack.agents() if agent["has_metrics"] and agent["connected"]]
        return agents if len(agents) == AGENTS else []

    return wait_for(reporting, lambda: f"four agents report: {stack.agents()}")


@pytest.mark.timeout(400)
def test_a_healthy_start_says_little(stack: ComposeStack) -> None:
    all_four_report(stack)
    lines = [line for line in stack.logs(*OURS).splitlines() if " | " in line and " min: " not in line]
    assert lines
    assert len(lines) <= QUIET_LINES, "\n".join(lines)


def test_four_agents_show_four_things(stack: ComposeStack) -> None:
    agents = all_four_report(stack)
    assert len({agent["agent_id"] for agent in agents}) == 4
    assert len({agent["host_name"] for agent in agents}) == 4
    assert Counter(agent["scope"] for agent in agents) == {"container": 3, "host": 1}
    readings = {agent["scope"]: stack.get(f"/api/v1/agents/{agent['agent_id']}/metrics") for agent in agents}
    assert 'disk.usage_percent{mount="/demo"}' in readings["container"]["readings"]
    assert 'disk.usage_percent{mount="/demo"}' not in readings["host"]["readings"]
    assert readings["host"]["readings"]["memory.total_bytes"] > readings["container"]["readings"]["memory.total_bytes"]


def test_no_port_is_published_beyond_this_machine(stack: ComposeStack) -> None:
    assert stack.published_at() == {"127.0.0.1"}


def test_another_address_is_refused_while_defaults_are_in_force(stack: ComposeStack) -> None:
    assert_refused(stack, "make secrets", "keys create --role admin")


def assert_refused(stack: ComposeStack, *told: str) -> None:
    """An address that others can reach: `up` fails, says what to do, and publishes nothing."""
    refused = stack.compose("up", "-d", environment={"HEALTHMON_BIND": "0.0.0.0"})  # noqa: S104
    assert refused.returncode != 0
    message = stack.logs("preflight")
    assert [words for words in told if words not in message] == [], message
    assert stack.published_at() == {"127.0.0.1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: kills processes of containers")
@pytest.mark.timeout(600)
def test_whatever_dies_every_record_is_stored(stack: ComposeStack) -> None:
    all_four_report(stack)
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    chance = random.Random(seed)
    kills = 0
    while fewest_records(stack) < RECORDS_EACH or kills < KILLS_AT_LEAST:
        for service in chance.sample(VICTIMS, len(VICTIMS)):
            time.sleep(chance.uniform(0.5, 3))  # the instant of death is what the seed draws
            kill_and_wait(stack, chance.choice(stack.containers(service)))
            kills += 1
    print(f"{kills} kills")
    stack.wait_until_healthy()
    wait_for(
        lambda: caught_up(stack),
        lambda: f"agents caught up: {stack.agents_own_state()}",
        within_seconds=CAUGHT_UP_SECONDS,
    )
    stack.must("stop", "agent", "host-agent")
    assert_all_stored(stack)
    stack.must("up", "-d")


def fewest_records(stack: ComposeStack) -> int:
    """What the agent that gave the fewest numbers has given; 0 while not all four are readable."""
    own_last = stack.agents_own_last()
    return min(own_last.values()) if len(own_last) == AGENTS else 0


def caught_up(stack: ComposeStack) -> bool:
    """Whether all agents are connected again and have nothing left to send."""
    states = stack.agents_own_state()
    return len(states) == AGENTS and all(state["hub_state"] == "connected" and not state["waiting"] for state in states)


def kill_and_wait(stack: ComposeStack, container: str) -> None:
    """SIGKILL from outside, as a crash; the engine must start it again by itself."""
    victim = running_as(stack, container, lambda process_id: process_id != 0)
    os.kill(victim, signal.SIGKILL)
    running_as(stack, container, lambda process_id: process_id not in (0, victim))


def running_as(stack: ComposeStack, container: str, expected: Callable[[int], bool]) -> int:
    """The container's process on this machine, once it is the expected one; the engine says 0 while there is none."""

    def process_id() -> int | None:
        found: int = stack.inspect(container)["State"]["Pid"]
        return found if expected(found) else None

    return wait_for(process_id, lambda: f"{container} runs: {stack.inspect(container)['State']}", within_seconds=30)


def assert_all_stored(stack: ComposeStack) -> None:
    """Each agent's stored numbers are exactly 1 to its own last, each once."""
    own_last = stack.agents_own_last()
    assert len(own_last) == AGENTS
    given = {(agent, epoch, seq) for (agent, epoch), last in own_last.items() for seq in range(1, last + 1)}

    def missing() -> list[tuple[str, int, int]]:
        return sorted(given.difference(stack.stored()))

    wait_for(lambda: not missing(), lambda: f"every record stored; missing: {missing()}", within_seconds=30)
    assert stack.stored() == sorted(given)
    total = stack.get("/api/v1/delivery")["total"]
    assert (total["assigned"], total["stored"], total["unexplained"]) == (len(given), len(given), 0)


def test_new_secrets_and_new_containers_keep_ids_and_history(stack: ComposeStack) -> None:
    before = {agent["agent_id"] for agent in all_four_report(stack)}
    kept = stack.stored()
    write_secrets(stack.env_file)
    assert_refused(stack, "data volumes still hold the default passwords")
    stack.must("down")
    stack.must("up", "-d")
    stack.wait_until_healthy()
    assert {agent["agent_id"] for agent in all_four_report(stack)} == before
    assert set(kept) <= set(stack.stored())


@pytest.mark.timeout(400)
def test_down_with_volumes_leaves_nothing(stack: ComposeStack) -> None:
    assert stack.leftovers()
    stack.must("down", "-v")
    assert stack.leftovers() == []
