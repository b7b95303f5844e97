"""Each rule of C6 is silent on a good run and turns red on its own violation."""

from dataclasses import replace

import pytest

from faults.flights import End, Flight
from faults.notices import LONG_MS, MOMENT_MS, copies, endless_troubles, told_as_it_should_be, told_in_the_end
from faults.sink import Heard, Mode, Transition
from faults.told import Life, Told
from store.response import Notice, NoticeKind

DESK = "desk"
TWICE = "C6: told twice, and nobody died in the middle of telling it: 1/desk/problem"


def heard(kind: str, at_ms: int, number: int = 1, opened_ms: int = 100) -> Heard:
    news = Transition("a1", "disk-usage", "", opened_ms, kind)
    return Heard(DESK, at_ms, Mode.OK, f"{number}/{DESK}/{kind}", number, news, is_genuine=True)


def notice(kind: str, delivered_ms: int | None, number: int = 1) -> Notice:
    return Notice(
        notice_no=number,
        number=number,
        channel=DESK,
        kind=NoticeKind(kind),
        dedup_key=f"{number}/{DESK}/{kind}",
        created_ms=0,
        due_ms=0,
        delivered_ms=delivered_ms,
    )


@pytest.fixture
def told() -> Told:
    """One incident, told and ended on one channel; two claims of the fence."""
    return Told(
        lives=[Life(number=1, agent_id="a1", rule="disk-usage", is_late=False, from_ms=100, to_ms=50_000)],
        notices=[notice("problem", 1_000), notice("recovery", 51_000)],
        heard=[heard("problem", 900), heard("recovery", 50_900)],
        modes={DESK: {Mode.OK}},
        flights=[Flight("1/desk/problem", 10, 850, End.NOTED), Flight("1/desk/recovery", 20, 50_850, End.NOTED)],
        fenced=[(1, 10), (1, 10), (2, 20)],
    )


def violations(told: Told) -> list[str]:
    return told_as_it_should_be(told) + told_in_the_end(told)


def test_a_good_run_is_green(told: Told) -> None:
    assert violations(told) == []


def test_late_findings_are_told_to_nobody(told: Told) -> None:
    told.lives = [replace(told.lives[0], is_late=True)]
    assert violations(told) == ["C6: told of what late records alone show: 1/desk/problem, 1/desk/recovery"]


def test_noted_as_delivered_and_never_heard_of(told: Told) -> None:
    told.heard = [heard("problem", 900)]
    assert violations(told) == ["C6: noted as delivered and never heard of by the receiver: 1/desk/recovery"]


def test_what_a_receiver_refused_was_not_taken(told: Told) -> None:
    told.heard = [replace(told.heard[0], mode=Mode.BROKEN), told.heard[1]]
    assert any("never heard of" in item for item in violations(told))


def test_a_request_that_nobody_signed(told: Told) -> None:
    told.heard = [*told.heard, replace(told.heard[0], is_genuine=False)]
    assert violations(told) == ["C6: a request that is not signed as it should be: 1/desk/problem"]


def test_an_end_without_its_problem(told: Told) -> None:
    told.notices, told.heard = [notice("recovery", 51_000)], [heard("recovery", 50_900)]
    assert any(item.startswith("C6: an end without its problem") for item in violations(told))


def test_an_end_that_came_before_its_problem(told: Told) -> None:
    told.heard = [heard("recovery", 800), heard("problem", 900)]
    assert any("at desk: ['recovery', 'problem']" in item for item in violations(told))


def test_two_problems_of_one_incident(told: Told) -> None:
    told.notices = [*told.notices, replace(notice("problem", 2_000), dedup_key="other")]
    assert any(item.startswith("C6: an end without its problem") for item in violations(told))


def test_a_copy_is_explained_by_a_death_in_the_middle_of_telling_it(told: Told) -> None:
    first, second = told.heard
    told.heard, told.deaths_ms = [first, heard("problem", 5_000), second], [2_000]
    again = Flight("1/desk/problem", 20, 4_900, End.NOTED)
    told.flights = [Flight("1/desk/problem", 10, 850, End.DIED), again, told.flights[1]]
    assert violations(told) == []
    assert len(list(copies(told))) == 1


def test_a_death_explains_one_copy(told: Told) -> None:
    first, second = told.heard
    told.heard, told.deaths_ms = [first, heard("problem", 5_000), heard("problem", 5_001), second], [2_000]
    again = Flight("1/desk/problem", 20, 4_900, End.NOTED)
    told.flights = [Flight("1/desk/problem", 10, 850, End.DIED), again, told.flights[1]]
    assert violations(told) == [TWICE]
    told.heard = [first, heard("problem", 901), second]
    told.flights = [told.flights[0], told.flights[2]]
    assert violations(told) == [TWICE]


@pytest.mark.parametrize(
    ("end", "wrong"),
    [
        (End.NOTED, [TWICE, "C6: sent again by one who knew better: 1/desk/problem"]),
        (End.OPEN, [TWICE, "C6: sent again by one who knew better: 1/desk/problem"]),
        (End.FAILED, [TWICE]),
    ],
)
def test_no_other_death_explains_a_copy(told: Told, end: End, wrong: list[str]) -> None:
    """One of a process that had noted this notice, or had not begun to send it, or of another notice."""
    first, second = told.heard
    told.heard, told.deaths_ms = [first, heard("problem", 5_000), second], [2_000]
    other = Flight("7/desk/problem", 10, 900, End.DIED)
    again = Flight("1/desk/problem", 20, 4_900, End.NOTED)
    told.flights = [Flight("1/desk/problem", 10, 850, end), other, again, told.flights[1]]
    assert violations(told) == wrong


def test_a_notice_that_nobody_sent(told: Told) -> None:
    told.flights = told.flights[1:]
    assert violations(told) == ["C6: heard of and never sent: 1/desk/problem"]


def test_the_same_news_under_two_keys(told: Told) -> None:
    told.heard = [*told.heard, replace(told.heard[0], key="2/desk/problem", number=2)]
    told.flights = [*told.flights, Flight("2/desk/problem", 10, 850, End.NOTED)]
    assert any(item.startswith("C6: two keys for the same news") for item in violations(told))


def test_a_notice_is_dead_only_where_the_receiver_said_so(told: Told) -> None:
    told.notices = [replace(told.notices[0], delivered_ms=None, dead_ms=1_000)]
    told.heard = []
    assert violations(told) == ["C6: given up, and trying again would have helped: 1/desk/problem"]
    told.modes = {DESK: {Mode.OK, Mode.GONE}}
    assert violations(told) == []


def test_nothing_waits_for_ever_but_for_one_that_is_away(told: Told) -> None:
    told.lives = [replace(told.lives[0], to_ms=None)]
    told.notices, told.heard = [notice("problem", None)], []
    assert violations(told) == ["C6: still waits: 1/desk/problem", "C6: not told: #1 (disk-usage) on desk"]
    told.unreachable = {DESK}
    assert violations(told) == []


@pytest.mark.parametrize(("deaths_ms", "shortest_ms"), [([], MOMENT_MS), ([1], LONG_MS)])
def test_what_lasted_is_told_and_what_was_over_at_once_need_not_be(
    told: Told, deaths_ms: list[int], shortest_ms: int
) -> None:
    told.notices, told.heard, told.deaths_ms = [], [], deaths_ms
    told.lives = [replace(told.lives[0], to_ms=100 + shortest_ms)]
    assert violations(told) == []
    told.lives = [replace(told.lives[0], to_ms=101 + shortest_ms)]
    assert violations(told) == ["C6: not told: #1 (disk-usage) on desk"]


def test_the_end_of_what_was_told_is_told(told: Told) -> None:
    told.notices, told.heard = told.notices[:1], told.heard[:1]
    assert violations(told) == ["C6: not told: the end of #1 (disk-usage) on desk"]


@pytest.mark.parametrize(("agent_id", "is_green"), [("a1", True), ("a2", False)])
def test_a_silence_explains_what_its_own_host_has(told: Told, agent_id: str, is_green: bool) -> None:
    silence = Life(number=2, agent_id=agent_id, rule="agent-silent", is_late=False, from_ms=200, to_ms=300)
    told.lives, told.notices, told.heard = [*told.lives, silence], [], []
    assert (violations(told) == []) is is_green


def silence(rule: str, from_ms: int, to_ms: int | None) -> Life:
    return Life(number=2, agent_id="a1", rule=rule, is_late=False, from_ms=from_ms, to_ms=to_ms)


@pytest.mark.parametrize(
    ("rule", "buried", "is_green"),
    [
        ("pipeline", [], False),
        ("pipeline", ["a1"], False),
        ("group-silent", [], False),
        ("agent-silent", [], False),
        ("agent-silent", ["a1"], True),
    ],
)
def test_a_silence_that_should_have_ended_explains_nothing(
    told: Told, rule: str, buried: list[str], is_green: bool
) -> None:
    told.lives = [replace(told.lives[0], to_ms=None), silence(rule, 50, None)]
    told.notices, told.heard, told.flights = [], [], []
    told.buried = buried
    untold = [item for item in violations(told) if "#1 (disk-usage)" in item]
    assert (untold == []) is is_green
    assert bool(endless_troubles(told)) is (rule == "pipeline" or (rule == "group-silent" and not buried))


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "is_green"),
    [
        (100 + MOMENT_MS, 200_000, True),
        (101 + MOMENT_MS, 200_000, False),  # people had to hear of it before
        (50, 99, False),  # it was over
        (50, 200_000 - LONG_MS, True),
        (50, 199_999 - LONG_MS, False),  # and long after it people had to hear
    ],
)
def test_a_silence_explains_what_it_hid(told: Told, from_ms: int, to_ms: int, is_green: bool) -> None:
    told.lives = [replace(told.lives[0], to_ms=200_000), silence("agent-silent", from_ms, to_ms)]
    told.notices, told.heard = [], []
    assert ("#1 (disk-usage)" not in "".join(violations(told))) is is_green


@pytest.mark.parametrize("fenced", [[(1, 10), (2, 20), (1, 10)], [(1, 10), (1, 20)]])
def test_two_owners(told: Told, fenced: list[tuple[int, int]]) -> None:
    told.fenced = fenced
    assert [item[:15] for item in violations(told)] == ["C6: two owners:"]
