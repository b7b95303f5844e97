"""The database freezes, goes away, or commits without saying so: nothing lost, nothing twice, and no storm."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from processor.consumer import KEEP_TRYING_SECONDS, Consumer
from processor.delivery import Delivery
from processor.keeper import Bearings, Keeper, monotonic_clock_ms, wall_clock_ms
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import declare_topology
from rabbitmq.topology import EXCHANGE
from store.engine import open_engine
from tests.brokers import RealBroker
from tests.databases import PostgresServer
from tests.integration.database_proxy import DatabaseProxy
from tests.integration.processor_traffic import AGENT, assert_whole, numbered, publish, ready, stored
from tests.unit.processor.deliveries import RULES
from tests.waiting import wait_for

SILENCE_SECONDS = 40.0  # the broker closes a silent connection within 30


class WatchedKeeper(Keeper):
    """Notes how often what it is given had been handed out before."""

    came_back = 0

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        self.came_back = max(self.came_back, *(delivery.came_back for delivery in deliveries))
        super().keep(deliveries)


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The test's own way to the database."""
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def proxy(url: str) -> Iterator[DatabaseProxy]:
    """The processor's way to it."""
    parts = urlsplit(url)
    proxy = DatabaseProxy(parts.hostname or "", parts.port or 5432)
    yield proxy
    proxy.close()


@pytest.fixture
def run(telemetry_address: BrokerAddress, url: str, proxy: DatabaseProxy) -> Iterator[Callable[..., WatchedKeeper]]:
    """Starts a consumer of this process behind the proxy."""
    parts, stop, started = urlsplit(url), threading.Event(), list[threading.Thread]()
    credentials = parts.netloc.rpartition("@")[0]
    engine = open_engine(urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}")))

    def start(
        keep_trying_seconds: float = KEEP_TRYING_SECONDS, address: BrokerAddress = telemetry_address
    ) -> WatchedKeeper:
        bearings = Bearings("test", "token", wall_clock_ms, monotonic_clock_ms)
        keeper = WatchedKeeper(
            engine, RULES, lambda *_: [], bearings=bearings, public_url="", send=lambda _statements: None
        )
        consumer = Consumer(address, keeper, stop, lambda: None, keep_trying_seconds)
        started.append(threading.Thread(target=consumer.run))
        started[0].start()
        return keeper

    yield start
    proxy.heal()
    stop.set()
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()
    engine.dispose()


@contextmanager
def logged(caplog: pytest.LogCaptureFixture, words: str) -> Iterator[None]:
    """Wait until these words are in the log, as often as they were there before and once more."""
    before = caplog.text.count(words)
    yield
    wait_for(lambda: caplog.text.count(words) > before, words)


def troubled(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the last that was said is that the database is away: then nothing is said of it a second time."""
    return caplog.text.rfind("the database is away") > caplog.text.rfind("records are stored again")


def test_a_frozen_database_costs_no_heartbeat(
    run: Callable[..., WatchedKeeper], proxy: DatabaseProxy, channel: BlockingChannel, engine: Engine
) -> None:
    keeper = run()
    publish(channel, *numbered(1, 10))
    wait_for(lambda: len(stored(engine)) == 10, "flow")
    proxy.freeze()
    publish(channel, *numbered(11, 60))
    channel.connection.sleep(SILENCE_SECONDS)
    proxy.heal()
    wait_for(lambda: len(stored(engine)) == 60, "all stored")
    assert_whole(engine, 60)
    assert keeper.came_back == 0


@pytest.mark.parametrize("fault", [DatabaseProxy.freeze, DatabaseProxy.refuse])
def test_while_the_database_is_away_the_broker_keeps_the_messages(
    fault: Callable[[DatabaseProxy], None],
    run: Callable[..., WatchedKeeper],
    proxy: DatabaseProxy,
    channel: BlockingChannel,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "processor")
    keeper = run(keep_trying_seconds=1.0)
    publish(channel, *numbered(1, 10))
    wait_for(lambda: len(stored(engine)) == 10, "flow")
    wait_for(lambda: not troubled(caplog), "a slow start is over")
    with logged(caplog, "the database is away"):
        fault(proxy)
        publish(channel, *numbered(11, 60))
    wait_for(lambda: ready(channel) == 50, "all given back")
    channel.connection.sleep(5)  # five times as long as it keeps trying
    assert ready(channel) == 50
    with logged(caplog, "records are stored again"):
        proxy.heal()
        wait_for(lambda: len(stored(engine)) == 60, "all stored")
    assert_whole(engine, 60)
    assert keeper.came_back <= 2, "a few returns, no storm"


def test_a_commit_nobody_heard_of_is_not_kept_twice(
    run: Callable[..., WatchedKeeper], proxy: DatabaseProxy, channel: BlockingChannel, engine: Engine
) -> None:
    run()
    publish(channel, *numbered(1, 10))
    wait_for(lambda: len(stored(engine)) == 10, "flow")
    proxy.swallow_next_commit()
    channel.basic_publish(EXCHANGE, AGENT, b"rubbish", mandatory=True)
    publish(channel, *numbered(11, 60))
    wait_for(lambda: len(stored(engine)) == 60, "all stored")
    assert proxy.swallowed == 1
    assert_whole(engine, 60, unreadable=1)


def test_a_channel_that_the_broker_closed_for_its_patience_is_opened_again(
    run: Callable[..., WatchedKeeper], proxy: DatabaseProxy, broker: RealBroker, engine: Engine
) -> None:
    for setting in ("consumer_timeout", "channel_tick_interval"):
        broker.ctl("eval", f"application:set_env(rabbit, {setting}, 1000).")
    declare_topology(broker.management)
    keeper = run(address=broker.address)
    with closing(pika.BlockingConnection(connection_parameters(broker.address, connection_name="test"))) as connection:
        channel = connection.channel()
        publish(channel, *numbered(1, 10))
        wait_for(lambda: len(stored(engine)) == 10, "flow")
        proxy.freeze()
        publish(channel, *numbered(11, 60))
        wait_for(lambda: ready(channel) == 0, "all handed out")
        wait_for(lambda: ready(channel) == 50, "all taken back")
        proxy.heal()
        wait_for(lambda: len(stored(engine)) == 60, "all stored")
        wait_for(lambda: keeper.came_back >= 1, "handed out again on a new channel")
    assert_whole(engine, 60)
