"""When records that come at once are news for certain."""

from faults.calm import CALM_AFTER_MS, WARM_UP_MS, Calm
from faults.evidence import StoredSnapshot
from faults.witness import Key


def snapshot(received_ms: int, age_ms: int = 50, agent_id: str = "a1") -> StoredSnapshot:
    return StoredSnapshot(Key(agent_id, 1, received_ms), received_ms - age_ms, received_ms, {}, {})


def test_a_run_warms_up_and_then_is_calm() -> None:
    calm = Calm([snapshot(1_000), snapshot(100_000)], [])
    assert [calm.holds_at(1_000 + ms) for ms in (0, WARM_UP_MS, WARM_UP_MS + 1, 90_000)] == [False, False, True, True]


def test_a_restart_and_a_record_that_waited_are_troubles_for_a_while() -> None:
    calm = Calm([snapshot(0), snapshot(60_000, age_ms=10_000)], [20_000])
    for begin_ms, end_ms in ((20_000, 20_000 + CALM_AFTER_MS), (50_000, 60_000 + CALM_AFTER_MS)):
        assert [calm.holds_at(at_ms) for at_ms in (begin_ms, end_ms)] == [False, False]
    assert [calm.holds_at(at_ms) for at_ms in (19_999, 60_000 + CALM_AFTER_MS + 1)] == [True, True]


def test_who_only_ever_sends_old_records_tells_nothing_of_the_way() -> None:
    played = snapshot(50_000, age_ms=3_600_000, agent_id="stranger")
    assert Calm([snapshot(0), played], []).holds_at(50_000)
    assert not Calm([snapshot(0), played, snapshot(60_000, agent_id="stranger")], []).holds_at(50_000)
