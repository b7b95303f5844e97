"""A link whose peer is gone without a word is found out, and what was kept meanwhile arrives.

The network is cut with iptables on the private broker's own port: nobody else's packets are touched.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.io_loop import LocalLoop
from agent.publisher import Publisher
from agent.publisher_thread import PublisherThread
from agent.spool import Spool
from rabbitmq.connection import BrokerAddress
from rabbitmq.declare import declare_topology
from tests.brokers import RealBroker
from tests.unit.agent.stamping import AGENT_ID, goodbye, stamper
from tests.waiting import wait_for

FOUND_OUT_WITHIN_SECONDS = 40.0  # 25 promised; the rest is for a busy machine

BOTH_WAYS = ("--dport", "--sport")
ANSWERS_ONLY = ("--sport",)


@contextmanager
def packets_vanish(port: int, sides: tuple[str, ...]) -> Iterator[None]:
    """Packets to (--dport) or from (--sport) this port of the loopback are dropped."""
    with ExitStack() as rules:
        for side in sides:
            rule = ["INPUT", "--in-interface", "lo", "--protocol", "tcp", side, str(port), "--jump", "DROP"]
            rules.callback(iptables, "--delete", *rule)
            iptables("--insert", *rule)
        yield


def iptables(*arguments: str) -> None:
    subprocess.run(["iptables", "--wait", *arguments], check=True, capture_output=True)


def why_not() -> str:
    """Empty where packets can be dropped."""
    if os.geteuid() != 0:
        return "needs root to drop packets"
    if shutil.which("iptables") is None:
        return "needs iptables: apt-get install iptables"
    listed = subprocess.run(["iptables", "--wait", "--list", "INPUT"], check=False, capture_output=True, text=True)
    return f"iptables does not work here: {listed.stderr.strip()[:100]}" if listed.returncode else ""


@pytest.fixture
def address(broker: RealBroker) -> Iterator[BrokerAddress]:
    fresh = broker.new_virtual_host()
    declare_topology(replace(broker.management, virtual_host=fresh.virtual_host))
    yield fresh
    broker.drop_virtual_host(fresh)


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("sides", [BOTH_WAYS, ANSWERS_ONLY], ids=["both ways", "answers only"])
def test_a_half_open_link_is_found_out(address: BrokerAddress, tmp_path: Path, sides: tuple[str, ...]) -> None:
    spool = Spool(tmp_path / "spool.sqlite3", stamper())
    publisher = Publisher(spool, address, LocalLoop(), agent_id=AGENT_ID, name="half-open", on_command=lambda _: None)
    thread = PublisherThread(publisher)
    thread.start()

    def keep() -> None:
        spool.append(goodbye)
        publisher.nudge()

    keep()
    wait_for(lambda: publisher.confirmed_count == 1, "the link works")
    with packets_vanish(address.port, sides):
        keep()
        wait_for(
            lambda: publisher.hub.state == "disconnected",
            "the link is found out",
            within_seconds=FOUND_OUT_WITHIN_SECONDS,
        )
        assert "went silent" in publisher.hub.why
        assert spool.count == 1
    wait_for(lambda: spool.count == 0, "what was kept arrives once packets flow again")
    thread.stop()
    spool.close()
    assert thread.failure is None
