"""The stack without Docker: it comes up, loses nothing when its programs are killed, and leaves no process."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import EVERYWHERE
from rabbitmq.setup import PASSWORD_VARIABLES
from tests.brokers import require_rabbitmq
from tests.end_to_end.local_stack import LocalStack
from tests.waiting import wait_for

PROCESSOR, HELPDESK, BROKER, AGENT = "-m processor", "-m helpdesk_api", "beam.smp", "-m agent"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    require_rabbitmq()
    one = LocalStack(tmp_path / "var")
    yield one
    one.discard()


def assert_all_is_stored(stack: LocalStack) -> None:
    """The stored numbers are exactly 1 to the agent's own last one, each once."""
    status = stack.agent_status()
    own = {(status.epoch, seq) for seq in range(1, status.last_seq + 1)}
    wait_for(lambda: own <= set(stack.stored()), f"records 1 to {status.last_seq}")
    stored = stack.stored()
    assert stored == [(status.epoch, seq) for seq in range(1, len(stored) + 1)]


def test_every_snapshot_is_stored_whatever_is_killed_under_flow(stack: LocalStack) -> None:
    stack.start()
    for victim in (PROCESSOR, PROCESSOR, HELPDESK, PROCESSOR, BROKER, AGENT, PROCESSOR):
        stack.wait_for_records(3)
        stack.kill(victim)
    stack.wait_for_records(3)
    assert_all_is_stored(stack)
    assert wait_for(stack.agents, "the help desk's answer")[0]["connected"]


def test_sigterm_leaves_no_process_and_the_next_start_goes_on_where_it_ended(stack: LocalStack) -> None:
    stack.start()
    stack.wait_for_records(3)
    assert stack.end(signal.SIGTERM) == 0
    before = stack.agent_status().last_seq
    stack.start()
    stack.wait_for_records(3)
    assert stack.agent_status().last_seq > before
    assert_all_is_stored(stack)
    assert stack.end(signal.SIGINT) == 0


def test_nothing_survives_the_stack_that_is_killed(stack: LocalStack) -> None:
    stack.start()
    assert stack.end(signal.SIGKILL) == -signal.SIGKILL  # which waits until no process is left
    stack.start()


def test_up_and_down_know_of_a_running_stack(stack: LocalStack) -> None:
    stack.start()
    second = stack.call("up")
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert "is stopped" in stack.call("down").stdout
    assert "no local stack is running" in stack.call("down").stdout


def test_a_taken_port_is_named_with_its_setting_before_anything_starts(stack: LocalStack) -> None:
    with socket.create_server(("127.0.0.1", stack.port)):
        refused = stack.call("up")
    assert refused.returncode == 2
    assert f"Port {stack.port}, wanted for the help desk, is in use" in refused.stderr
    assert "Set HEALTHMON_PORT" in refused.stderr
    assert not (stack.var / "rabbitmq").exists()


def test_random_passwords_take_effect_on_a_stack_that_ran_with_the_default_ones(stack: LocalStack) -> None:
    stack.start()
    stack.end(signal.SIGTERM)
    names = ("HEALTHMON_RABBITMQ_ADMIN_PASSWORD", *PASSWORD_VARIABLES.values())
    stack.environment |= {name: f"s3cret of {name}" for name in names}
    stack.start()
    stack.wait_for_records(3)
    assert "guest's first password is replaced by the configured one" in stack.log()
    assert "s3cret" not in stack.log()


def test_it_is_not_published_beyond_this_machine_with_default_passwords(stack: LocalStack) -> None:
    stack.environment["HEALTHMON_BIND"] = EVERYWHERE
    refused = stack.call("up")
    assert refused.returncode == 1
    assert "the default password is in force" in refused.stdout
    assert not (stack.var / "rabbitmq").exists()
