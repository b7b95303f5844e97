"""A late result of an active check that runs seldom: told once its agent is live again, and not a day later."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from health.state import State
from processor import late_results
from processor.keeper import Bearings, Keeper
from processor.memory import FleetMemory
from rabbitmq.records import CheckResult
from store.agents import fleet_state
from store.engine import open_engine, reading
from store.incidents import list_incidents
from store.migrate import migrate
from store.model import Change, IncidentChange
from tests.unit.processor.deliveries import RULES, TOKEN, canary, decide, delivery, empty_memory, hello, wall_ms
from tests.unit.processor.test_check_results import seen, with_checks

LATE_SECONDS = 60.0


def report(memory: FleetMemory, seq: int, *results: CheckResult, waited_seconds: float = 0.0) -> list[IncidentChange]:
    now_ms = wall_ms(seq) + round(1000 * waited_seconds)
    sent = delivery(with_checks(seq, *results), waited_seconds=waited_seconds)
    return list(decide(memory, canary(now_ms), sent, now_ms=now_ms, monotonic_ms=now_ms).batch.incidents)


def by_the_clock(memory: FleetMemory, now_ms: int) -> Sequence[IncidentChange]:
    decided = late_results.decide(memory, lambda *_: (), now_ms)
    if decided is None:
        return ()
    memory.apply(decided)
    return decided.batch.incidents


def after_a_late(*states: str) -> FleetMemory:
    """The first state came with a live record, the others with late ones."""
    memory = empty_memory()
    report(memory, 1, seen(states[0], 1))
    for seq, state in enumerate(states[1:], start=2):
        changes = report(memory, seq, seen(state, seq, output=f"{state} it is"), waited_seconds=LATE_SECONDS)
        assert all(change.is_late for change in changes)
    return memory


def test_what_opened_late_is_news_once_the_agent_is_live_again() -> None:
    memory = after_a_late("ok", "critical")
    assert by_the_clock(memory, wall_ms(2) + 60_000) == (), "nobody knows yet whether the agent is back"
    assert report(memory, 20) == []
    [told] = by_the_clock(memory, wall_ms(20) + 1_000)
    assert (told.change, told.severity, told.is_late) == (Change.WORSENED, State.CRITICAL, False)
    assert (told.sentence, told.seq, told.at_ms) == ("web: critical it is", 20, wall_ms(20) + 1_000)
    assert by_the_clock(memory, wall_ms(20) + 2_000) == ()
    assert [change.change for change in report(memory, 21, seen("ok", 21))] == [Change.CLOSED]


def test_what_ended_late_ends_once_the_agent_is_live_again() -> None:
    memory = after_a_late("critical", "ok")
    assert by_the_clock(memory, wall_ms(2) + 60_000) == ()
    report(memory, 20)
    [told] = by_the_clock(memory, wall_ms(20) + 1_000)
    assert (told.change, told.is_late, told.sentence) == (Change.CLOSED, False, "check web is ok")
    assert by_the_clock(memory, wall_ms(20) + 2_000) == ()
    assert all(check.state is State.OK for check in memory.checks("web-3").values())


def test_what_eased_late_is_told_as_such() -> None:
    memory = after_a_late("critical", "warning")
    report(memory, 20)
    [told] = by_the_clock(memory, wall_ms(20) + 1_000)
    assert (told.change, told.severity) == (Change.EASED, State.WARNING)


def test_a_newer_result_decides() -> None:
    memory = after_a_late("critical", "ok")
    report(memory, 20, seen("critical", 20))
    assert by_the_clock(memory, wall_ms(20) + 1_000) == ()


@pytest.mark.parametrize(("states", "is_open"), [(("ok", "critical"), True), (("critical", "ok"), False)])
def test_the_store_keeps_it_and_who_takes_over_has_nothing_more_to_tell(
    tmp_path: Path, states: Sequence[str], is_open: bool
) -> None:
    engine, now_ms, tags = open_engine(f"sqlite:///{tmp_path / 'store.db'}"), [0], count(1)
    migrate(engine)
    bearings = Bearings("here", TOKEN, lambda: now_ms[0], lambda: now_ms[0])
    keeper = Keeper(engine, RULES, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)

    def keep(seq: int, *results: CheckResult, waited_seconds: float = 0.0) -> None:
        now_ms[0] = wall_ms(seq) + round(1000 * waited_seconds)
        sent = [canary(now_ms[0]), delivery(with_checks(seq, *results), waited_seconds=waited_seconds)]
        keeper.keep([replace(each, tag=next(tags)) for each in sent])

    keep(1, seen(states[0], 1))
    keep(2, seen(states[1], 2), waited_seconds=LATE_SECONDS)
    keep(20)
    keeper.keep_timed(late_results.decide)
    with reading(engine) as connection:
        [incident] = list_incidents(connection, "all", "web-3", None, 10)
        restored = FleetMemory(fleet_state(connection))
    assert (incident.is_late, incident.closed_ms is None) == (False, is_open)
    assert restored.untold_results() == []


@pytest.mark.parametrize("states", [("ok", "critical"), ("critical", "ok")])
def test_it_is_not_told_of_who_fell_silent_again_or_runs_it_no_more(states: Sequence[str]) -> None:
    memory = after_a_late(*states)
    report(memory, 20)
    assert by_the_clock(memory, wall_ms(20) + 60_000) == ()
    decide(memory, delivery(hello(21)), now_ms=wall_ms(21))
    report(memory, 22)
    assert by_the_clock(memory, wall_ms(22)) == ()
