"""What is judged of silence, kept in a real store: also while the broker is away, and when an answer is lost."""

from itertools import count

import pytest
from sqlalchemy import Engine

from processor.delivery import Delivery
from processor.findings import SILENCE_RULES
from processor.keeper import Bearings, Keeper
from processor.silence.broker_events import ConnectionEvent
from processor.silence.evidence import Senses
from processor.silence.road import Way, WayOut
from processor.silence.watch import SilenceWatch
from store import fence, incidents, ingest
from store.engine import StoreUnavailable, reading
from store.model import HUB, Batch, Incident, KeptBatch
from tests.unit.processor.deliveries import RULES, TOKEN, canary, delivery, snapshot, wall_ms
from tests.unit.silence.world import FakeProbes

keep_batch = ingest.keep_batch


class Hub:
    """A keeper that watches; `pass_seconds` moves both clocks, with a canary in each second that comes back."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.monotonic_ms, self.answers_lost, self._tags, self._seq = engine, 0, 0, count(1), count(1)
        self.ahead_ms = 0  # its wall clock
        self.way_out = WayOut(Way.OPEN, 0)
        self.events: list[ConnectionEvent | None] = []
        self.readings = {"cpu": 1.0}
        monkeypatch.setattr(ingest, "keep_batch", self._keep_batch)
        bearings = Bearings("here", TOKEN, self._wall_ms, lambda: self.monotonic_ms)
        senses = Senses(lambda: self.way_out, lambda: None, self._drain, FakeProbes())
        self.keeper = Keeper(
            engine,
            RULES,
            lambda *_: [],
            bearings=bearings,
            public_url="",
            send=lambda _: None,
            silence=SilenceWatch(senses, lambda *_: []),
        )

    def pass_seconds(self, seconds: int, *, is_heard: bool) -> None:
        for _ in range(seconds):
            self.monotonic_ms += 1000
            if self.way_out.way is Way.OPEN:
                self._take(canary(self.monotonic_ms))
                if is_heard:
                    self._take(delivery(snapshot(next(self._seq), "web-3", 1, **self.readings)))
            self.keeper.watch_silence()

    def go(self, way: Way) -> None:
        self.way_out = WayOut(way, self.monotonic_ms)

    def close_connection(self) -> None:
        self.events.append(
            ConnectionEvent(
                is_open=False,
                connection="1",
                agent_id="web-3",
                agent_name="",
                peer_host="10.0.0.7",
                at_ms=self.monotonic_ms,
            )
        )

    def incidents(self, agent_id: str) -> list[Incident]:
        with reading(self.engine) as connection:
            found = incidents.list_incidents(connection, "all", agent_id, None, 10)
        return [one for one in found if one.key.rule in SILENCE_RULES]

    def _wall_ms(self) -> int:
        return wall_ms(1) + self.monotonic_ms + self.ahead_ms

    def _take(self, sent: Delivery) -> None:
        names = ("routing_key", "body", "message_id", "content_encoding", "timestamp_seconds")
        self.keeper.keep([Delivery(tag=next(self._tags), **{name: getattr(sent, name) for name in names})])

    def _drain(self) -> list[ConnectionEvent | None]:
        heard, self.events = self.events, []
        return heard

    def _keep_batch(self, engine: Engine, batch: Batch, fence_epoch: int) -> KeptBatch:
        kept = keep_batch(engine, batch, fence_epoch)
        if self.answers_lost and batch.incidents:
            self.answers_lost -= 1
            raise StoreUnavailable("the answer to a commit was lost")
        return kept


@pytest.fixture
def hub(store_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Hub:
    steady = Hub(store_engine, monkeypatch)
    steady.pass_seconds(20, is_heard=True)
    return steady


def open_count(found: list[Incident]) -> int:
    return sum(one.closed_ms is None for one in found)


def test_each_silence_is_an_incident_of_its_own(hub: Hub) -> None:
    for number in (1, 2):
        hub.close_connection()
        hub.pass_seconds(3, is_heard=False)
        assert (len(hub.incidents("web-3")), open_count(hub.incidents("web-3"))) == (number, 1)
        hub.pass_seconds(2, is_heard=True)
        assert open_count(hub.incidents("web-3")) == 0


def test_a_lost_answer_opens_no_second_incident(hub: Hub) -> None:
    hub.close_connection()
    hub.answers_lost = 1
    with pytest.raises(StoreUnavailable):
        hub.pass_seconds(3, is_heard=False)
    hub.pass_seconds(3, is_heard=False)
    assert (len(hub.incidents("web-3")), open_count(hub.incidents("web-3"))) == (1, 1)
    hub.pass_seconds(2, is_heard=True)
    assert open_count(hub.incidents("web-3")) == 0


def test_a_broker_that_is_away_is_told_of_meanwhile_each_time(hub: Hub) -> None:
    for number in (1, 2):
        hub.keeper.release()
        hub.go(Way.AWAY)
        hub.pass_seconds(15, is_heard=False)
        assert (len(hub.incidents(HUB)), open_count(hub.incidents(HUB))) == (number, 1)
        assert hub.incidents(HUB)[0].sentence.startswith("RabbitMQ is not reached since ")
        hub.go(Way.OPEN)
        hub.pass_seconds(20, is_heard=True)
        assert open_count(hub.incidents(HUB)) == 0
    assert hub.incidents("web-3") == []


def test_who_lost_the_fence_says_nothing_more(hub: Hub) -> None:
    hub.keeper.release()
    fence.claim(hub.engine, "another", hub.monotonic_ms)
    hub.go(Way.AWAY)
    hub.pass_seconds(30, is_heard=False)
    assert hub.incidents(HUB) == []


def started_at(hub: Hub, monotonic_ms: int, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Another process on the same database."""
    another = Hub(hub.engine, monkeypatch)
    another.monotonic_ms = monotonic_ms
    return another


def test_who_starts_while_the_broker_is_away_tells_of_it_and_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    started = started_at(hub, hub.monotonic_ms + 3_000, monkeypatch)
    started.go(Way.AWAY)
    started.pass_seconds(20, is_heard=False)
    assert (started.keeper.fence_epoch, started.incidents(HUB)) == (None, [])  # the owner may be back
    started.pass_seconds(5, is_heard=False)
    [away] = started.incidents(HUB)
    assert (open_count([away]), away.is_late) == (1, False)
    assert away.sentence.startswith("RabbitMQ is not reached since ")
    claimed = started.keeper.fence_epoch
    assert claimed is not None
    started.pass_seconds(30, is_heard=False)
    assert (started.keeper.fence_epoch, len(started.incidents(HUB))) == (claimed, 1)
    started.go(Way.OPEN)
    started.pass_seconds(20, is_heard=True)
    assert (len(started.incidents(HUB)), open_count(started.incidents(HUB))) == (1, 0)


@pytest.mark.parametrize("way", [Way.NOWHERE, Way.BLOCKED])
def test_who_starts_while_the_broker_takes_nothing_tells_of_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    started = started_at(hub, hub.monotonic_ms + 3_000, monkeypatch)
    started.go(way)
    started.pass_seconds(25, is_heard=False)
    [told] = started.incidents(HUB)
    assert told.sentence.startswith("RabbitMQ returns every record" if way is Way.NOWHERE else "RabbitMQ is in alarm")
    started.go(Way.OPEN)
    started.pass_seconds(20, is_heard=True)
    assert open_count(started.incidents(HUB)) == 0


def test_a_standby_that_is_cut_off_leaves_the_active_one_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    standby = started_at(hub, hub.monotonic_ms, monkeypatch)
    standby.go(Way.AWAY)
    for _ in range(60):
        hub.pass_seconds(1, is_heard=True)
        standby.pass_seconds(1, is_heard=False)
    assert (standby.keeper.fence_epoch, standby.incidents(HUB)) == (None, [])


def test_an_owner_without_a_single_batch_is_left_alone_by_a_standby_with_another_clock(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = started_at(hub, hub.monotonic_ms, monkeypatch)
    standby.ahead_ms = 3_600_000
    standby.go(Way.AWAY)
    pass_together(60, hub, standby)
    assert (standby.keeper.fence_epoch, standby.incidents(HUB)) == (None, [])


def test_a_database_that_was_away_is_not_the_silence_of_the_owner(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    standby = started_at(hub, hub.monotonic_ms, monkeypatch)
    standby.go(Way.AWAY)
    pass_together(30, hub, standby)
    standby.monotonic_ms += 60_000  # nobody could look, and nobody could say anything
    hub.monotonic_ms += 60_000
    pass_together(1, standby, hub)
    assert standby.keeper.fence_epoch is None


def test_who_was_fenced_while_the_broker_is_away_claims_nothing_back(hub: Hub) -> None:
    hub.keeper.release()
    fence.claim(hub.engine, "another", hub.monotonic_ms)
    hub.go(Way.AWAY)
    claimed = hub.keeper.fence_epoch
    hub.pass_seconds(60, is_heard=False)
    assert (hub.keeper.fence_epoch, hub.incidents(HUB)) == (claimed, [])


def pass_together(seconds: int, *hubs: Hub) -> None:
    for _ in range(seconds):
        for hub in hubs:
            hub.pass_seconds(1, is_heard=False)


def held(hub: Hub) -> fence.Held:
    with reading(hub.engine) as connection:
        return fence.held(connection)


def test_an_owner_that_lives_keeps_the_fence_while_the_broker_is_away_for_all(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby, before = started_at(hub, hub.monotonic_ms, monkeypatch), held(hub).epoch
    hub.keeper.release()
    for each in (hub, standby):
        each.go(Way.AWAY)
    pass_together(90, hub, standby)
    assert (held(hub).epoch, standby.keeper.fence_epoch) == (before, None)
    assert (len(hub.incidents(HUB)), open_count(hub.incidents(HUB))) == (1, 1)


def test_of_several_that_wait_one_takes_over_from_an_owner_that_is_gone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, before = [started_at(hub, hub.monotonic_ms, monkeypatch) for _ in range(2)], held(hub).epoch
    hub.keeper.release()
    for each in (hub, *waiting):
        each.go(Way.AWAY)
    pass_together(35, hub, *waiting)
    pass_together(60, *waiting)
    assert held(hub).epoch == before + 1
    assert sorted(each.keeper.fence_epoch or 0 for each in waiting) == [0, before + 1]
    hub.pass_seconds(60, is_heard=False)  # it was frozen, and claims nothing back
    assert held(hub).epoch == before + 1
    assert (len(hub.incidents(HUB)), open_count(hub.incidents(HUB))) == (1, 1)


def test_two_that_see_the_same_do_not_both_claim(hub: Hub) -> None:
    seen = held(hub)
    assert fence.claim_from(hub.engine, "one", 1, seen) == seen.epoch + 1
    assert fence.claim_from(hub.engine, "two", 1, seen) is None
    spoken = held(hub)
    fence.say_alive(hub.engine, spoken.epoch, 2)
    assert fence.claim_from(hub.engine, "two", 3, spoken) is None
    assert held(hub) == fence.Held(spoken.epoch, 2)
