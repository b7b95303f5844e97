"""The life of an incident, as it is kept and read."""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from health.machine import Reason
from health.state import State
from store import fence
from store.engine import reading
from store.incidents import get_incident, list_incidents, open_incidents, remedies_of
from store.ingest import keep_batch
from store.model import HUB, Change, CheckKey, Incident, IncidentChange, Remedy, Step, TimelineEntry
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

REMEDY = Remedy(
    slug="disk-full",
    title="The disk is full",
    confidence="exact",
    reason="the reading is at its limit",
    steps=(Step(text="Find what is large", command="du -xh /var | sort -h | tail"), Step(text="Ask \u00e9\x00")),
    verify="df -h /var",
    captured={"mount": "/var"},
)
STEPS = ((Change.WORSENED, State.CRITICAL), (Change.EASED, State.WARNING))
_numbers = count()


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def keep(engine: Engine, epoch: int, *changes: IncidentChange) -> dict[CheckKey, int]:
    agents = [agent(agent_id, host_name=f"host of {agent_id}") for agent_id in {item.key.agent_id for item in changes}]
    return dict(keep_batch(engine, batch(agents=agents, incidents=changes), epoch).incident_numbers)


def read(engine: Engine, number: int) -> Incident:
    with reading(engine) as connection:
        found = get_incident(connection, number)
    assert found is not None
    return found


def test_opens_with_remedies_and_closes_with_its_story(store_engine: Engine, epoch: int) -> None:
    number = keep(store_engine, epoch, change(Change.OPENED, 1, remedies=[REMEDY]))[KEY]
    opened = read(store_engine, number)
    assert opened == Incident(
        number=number,
        key=KEY,
        host_name="host of web-1",
        severity=State.WARNING,
        title="Disk is filling up",
        sentence="opened at 1",
        metric="disk.usage_percent",
        value=91.5,
        limit=90.0,
        opened_ms=NOW_MS + 1,
        updated_ms=NOW_MS + 1,
        closed_ms=None,
        remedies=(REMEDY,),
        timeline=(
            TimelineEntry(
                change=Change.OPENED, at_ms=NOW_MS + 1, sentence="opened at 1", severity=State.WARNING, value=91.5
            ),
        ),
        severity_since_ms=NOW_MS + 1,
    )
    worse = change(
        Change.WORSENED,
        2,
        severity=State.CRITICAL,
        value=99.0,
        limit=95.0,
        title="Disk is full",
        reason=Reason.CONFIRMED,
    )
    closed = change(Change.CLOSED, 3, severity=State.OK, value=50.0)
    assert keep(store_engine, epoch, worse, closed) == {KEY: number}
    done = read(store_engine, number)
    assert (done.severity, done.title, done.value, done.limit) == (State.CRITICAL, "Disk is full", 50.0, 95.0)
    assert (done.opened_ms, done.updated_ms, done.closed_ms) == (NOW_MS + 1, NOW_MS + 3, NOW_MS + 3)
    assert done.remedies == (REMEDY,)
    assert [entry.sentence for entry in done.timeline] == ["opened at 1", "worsened at 2", "closed at 3"]
    assert [entry.reason for entry in done.timeline] == ["", "confirmed", ""]
    assert done.severity_since_ms == NOW_MS + 2


def test_a_check_has_one_open_incident_and_a_new_one_after_it_closed(store_engine: Engine, epoch: int) -> None:
    first = keep(store_engine, epoch, change(Change.OPENED, 1))[KEY]
    assert keep(store_engine, epoch, change(Change.OPENED, 2, title="other")) == {KEY: first}
    assert read(store_engine, first).title == "Disk is filling up"
    keep(store_engine, epoch, change(Change.CLOSED, 3))
    second = keep(store_engine, epoch, change(Change.OPENED, 4))[KEY]
    assert second != first
    assert keep(store_engine, epoch, change(Change.OPENED, 1), change(Change.CLOSED, 3)) == {KEY: first}
    assert read(store_engine, second).closed_ms is None


def test_an_incident_that_is_restated_says_the_newest_numbers_and_tells_no_story(
    store_engine: Engine, epoch: int
) -> None:
    number = keep(store_engine, epoch, change(Change.OPENED, 1))[KEY]
    for value in (7.0, 4.0):  # time alone passes: both come at the same record
        restated = change(Change.RESTATED, 1, value=value, sentence=f"{value:g} records", limit=99.0, title="other")
        assert keep(store_engine, epoch, restated) == {KEY: number}
    kept = read(store_engine, number)
    assert (kept.value, kept.sentence, kept.limit, kept.title) == (4.0, "4 records", 90.0, "Disk is filling up")
    assert [entry.change for entry in kept.timeline] == [Change.OPENED]


def test_a_change_without_an_open_incident_is_dropped(store_engine: Engine, epoch: int) -> None:
    assert keep(store_engine, epoch, change(Change.WORSENED), change(Change.EASED), change(Change.CLOSED)) == {}
    with reading(store_engine) as connection:
        assert list_incidents(connection, "all", None, None, 10) == []


def test_one_record_may_bring_several_results_of_a_check(store_engine: Engine, epoch: int) -> None:
    back_and_forth = [change(Change.OPENED), change(Change.CLOSED), change(Change.OPENED, title="again")]
    number = keep(store_engine, epoch, *back_and_forth)[KEY]
    keep(store_engine, epoch, *back_and_forth)  # once more, as after an answer that was lost
    with reading(store_engine) as connection:
        assert [item.number for item in list_incidents(connection, "all", None, None, 10)] == [number, number - 1]
        assert [item.number for item in open_incidents(connection)] == [number]
    worse, eased = (change(what, 2, severity=severity) for what, severity in STEPS)
    keep(store_engine, epoch, worse, eased, worse)
    assert read(store_engine, number).severity is State.CRITICAL
    assert [entry.change for entry in read(store_engine, number).timeline] == [
        Change.OPENED,
        Change.WORSENED,
        Change.EASED,
    ]


def test_what_time_alone_decides_may_come_again_at_the_same_record(store_engine: Engine, epoch: int) -> None:
    numbers = [
        keep(store_engine, epoch, change(what, 1, received_ms=NOW_MS + minute * 60_000))[KEY]
        for minute, what in enumerate([Change.OPENED, Change.CLOSED, Change.OPENED, Change.CLOSED])
    ]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    assert read(store_engine, numbers[3]).closed_ms is not None


def test_a_clock_set_back_loses_nothing_of_the_hub(store_engine: Engine, epoch: int) -> None:
    key = CheckKey(HUB, "many-disks", "")

    def keep_of_hub(what: Change, at_ms: int) -> int:
        its = change(what, at_ms, key, received_ms=at_ms)
        return keep_batch(store_engine, batch(incidents=[its]), epoch).incident_numbers[key]

    first = keep_of_hub(Change.OPENED, NOW_MS)
    assert keep_of_hub(Change.CLOSED, NOW_MS - 3_600_000) == first
    assert read(store_engine, first).closed_ms is not None
    assert keep_of_hub(Change.OPENED, NOW_MS - 3_500_000) == first + 1


def test_lists_by_state_and_agent_newest_first_in_pages(store_engine: Engine, epoch: int) -> None:
    keys = [CheckKey(agent_id, "disk-full", mount) for agent_id in ("web-1", "db-1") for mount in ("/", "/var")]
    numbers = [keep(store_engine, epoch, change(key=key))[key] for key in keys]
    keep(store_engine, epoch, change(Change.CLOSED, 2, key=keys[1]))

    def listed(state: str, agent_id: str | None = None, before: int | None = None, limit: int = 10) -> list[int]:
        with reading(store_engine) as connection:
            return [item.number for item in list_incidents(connection, state, agent_id, before, limit)]  # type: ignore[arg-type]

    assert numbers == sorted(numbers)
    assert listed("all") == numbers[::-1]
    assert listed("open") == [numbers[3], numbers[2], numbers[0]]
    assert listed("closed") == [numbers[1]]
    assert listed("all", "db-1") == [numbers[3], numbers[2]]
    assert listed("open", "web-1") == [numbers[0]]
    assert listed("all", None, None, 2) + listed("all", None, numbers[2], 2) == numbers[::-1]
    with reading(store_engine) as connection:
        assert get_incident(connection, numbers[-1] + 1) is None


def test_open_incidents_are_read_without_what_makes_them_large(store_engine: Engine, epoch: int) -> None:
    keys = {agent_id: CheckKey(agent_id, "disk-full", "") for agent_id in ("a", "b", "c")}
    opened = [
        change(key=keys["a"], severity=State.CRITICAL, remedies=(REMEDY,)),
        change(key=keys["b"]),
        change(key=keys["c"]),
    ]
    numbers = keep(store_engine, epoch, *opened, change(Change.CLOSED, 2, key=keys["c"]))
    with reading(store_engine) as connection:
        every = sorted(open_incidents(connection), key=lambda incident: incident.number)
        assert [incident.agent_id for incident in every] == ["a", "b"]
        assert open_incidents(connection, ["b", "c"]) == every[1:]
        assert open_incidents(connection, []) == []
        assert remedies_of(connection, numbers[keys["a"]]) == read(store_engine, numbers[keys["a"]]).remedies != ()
        assert remedies_of(connection, numbers[keys["b"]]) == remedies_of(connection, 99) == ()
    first = every[0]
    assert (first.number, first.host_name, first.severity) == (numbers[keys["a"]], "host of a", State.CRITICAL)
    assert (first.sentence, first.opened_ms) == ("opened at 1", NOW_MS + 1)


def told_once(changes: Sequence[IncidentChange]) -> list[list[str]]:
    """The timelines that changes told once and in order would give: the shortest correct store."""
    timelines: list[list[str]] = []
    is_open = False
    for item in changes:
        if item.change is Change.OPENED and not is_open:
            timelines.append([])
        elif item.change in (Change.OPENED, Change.RESTATED) or not is_open:
            continue
        timelines[-1].append(item.sentence)
        is_open = item.change is not Change.CLOSED
    return timelines


@given(
    lives=st.lists(st.lists(st.sampled_from(Change), min_size=1, max_size=4), max_size=5),
    repeats=st.lists(st.integers(1, 3), min_size=5, max_size=5),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_told_again_add_nothing_to_any_timeline(
    store_engine: Engine, epoch: int, lives: list[list[Change]], repeats: list[int]
) -> None:
    key = CheckKey(f"agent-{next(_numbers)}", "rule", "")
    seq = count(1)
    batches = [[change(what, next(seq), key=key) for what in batch_changes] for batch_changes in lives]
    for changes, times in zip(batches, repeats, strict=False):
        for _ in range(times):
            keep(store_engine, epoch, *changes)
    with reading(store_engine) as connection:
        kept = list_incidents(connection, "all", key.agent_id, None, 100)
    timelines = [[entry.sentence for entry in read(store_engine, item.number).timeline] for item in reversed(kept)]
    assert timelines == told_once([item for changes in batches for item in changes])
