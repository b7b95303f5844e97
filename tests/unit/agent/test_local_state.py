"""What a host thinks of itself: the hub's steps, on the host."""

from agent.check_rows import check_rows
from agent.local_state import check_place
from health.state import State
from tests.unit.agent.local import CPU_PLACE, DISK, DISK_PLACE, NOW_MS, local_state, observe, result


def test_a_full_disk_is_critical_once_it_lasts() -> None:
    state = local_state()
    assert observe(state, 60, 97, 97) == []
    (change,) = observe(state, 97.25, start_seconds=15)
    assert (change.place, change.check, change.before) == (DISK_PLACE, "disk-usage", State.OK)
    assert (change.standing.state, change.value) == (State.CRITICAL, 97.25)
    assert change.sentence == "disk / is 97.2 % full, limit 95 %"


def test_emptied_it_is_ok_again() -> None:
    state = local_state()
    changes = observe(state, 97, 97, 97, 50, 50, 50)
    assert [change.standing.state for change in changes] == [State.CRITICAL, State.OK]
    assert changes[1].sentence == "disk / is 50.0 % full, limit 85 %"
    assert [change.reason for change in changes] == ["confirmed", "recovered"]


def test_an_active_check_counts_its_attempts() -> None:
    state = local_state(checks=("web",))
    assert state.observe_check(result("critical", 0, attempts=3)) is None
    assert state.observe_check(result("critical", 15, attempts=3)) is None
    (row,) = check_rows(state, NOW_MS)
    assert (row.state, row.progress, row.output) == ("ok", "2 of 3", "text")
    change = state.observe_check(result("critical", 30, attempts=3, output="refused\nmore"))
    assert change is not None
    assert (change.place, change.check, change.value) == (("check", 'check="web"'), "web", None)
    assert change.sentence == "web: refused"


def test_what_was_pending_before_a_silence_does_not_count() -> None:
    state = local_state()
    observe(state, 97, 97)
    state.after_silence()
    assert observe(state, 97, 97, start_seconds=10) == []
    assert [change.standing.state for change in observe(state, 97, start_seconds=20)] == [State.CRITICAL]


def test_a_disk_that_is_gone_is_ok_after_a_minute_and_then_forgotten() -> None:
    state = local_state()
    observe(state, 97, 97, 97)
    changes = [c for second in range(15, 80, 5) for c in state.observe({}, {}, NOW_MS + second * 1000)]
    assert [change.sentence for change in changes] == ["disk / is not reported any more"]
    assert state.standings == {}


def test_what_was_switched_off_ends_at_once_and_says_so() -> None:
    state = local_state()
    observe(state, 97, 97, 97)
    state.observe({"cpu.usage_percent": 5.0}, {}, NOW_MS + 12_000)
    changes = state.observe({}, {}, NOW_MS + 15_000, ["disk"])
    assert [(change.place, change.standing.state, change.sentence) for change in changes] == [
        (DISK_PLACE, State.OK, "disk / is not measured any more: it was switched off")
    ]
    assert list(state.standings) == [CPU_PLACE]
    assert state.observe({}, {}, NOW_MS + 20_000, ["disk", "cpu"]) == []
    assert state.standings == {}  # no ok that nobody measures


def test_while_its_collector_fails_nothing_is_known() -> None:
    state = local_state()
    observe(state, 97, 97, 97)
    errors = {'disk{mount="/"}': "did not answer"}
    assert not [c for second in range(15, 200, 5) for c in state.observe({}, errors, NOW_MS + second * 1000)]
    assert state.state_of(DISK_PLACE) is State.CRITICAL


def test_an_ok_disk_that_is_gone_leaves_the_table() -> None:
    state = local_state()
    observe(state, 10)
    state.observe({}, {}, NOW_MS + 50_000)
    assert len(check_rows(state, NOW_MS)) == 1
    state.observe({}, {}, NOW_MS + 70_000)
    assert check_rows(state, NOW_MS) == []


def test_one_that_was_in_trouble_and_is_ok_leaves_it_too_when_it_is_gone() -> None:
    state = local_state()
    observe(state, 97, 97, 97, 40, 40, 40, 40)
    assert state.state_of(DISK_PLACE) is State.OK
    state.observe({}, {"disk": "not readable"}, NOW_MS + 95_000)
    assert DISK_PLACE in state.standings
    state.observe({}, {}, NOW_MS + 95_000)
    assert DISK_PLACE not in state.standings


def test_what_was_kept_goes_on_where_it_was() -> None:
    before = local_state(checks=("web",))
    observe(before, 97, 97, 97)
    before.observe_check(result("critical"))
    state = local_state(before.kept(), checks=("web",))
    assert state.standings == before.standings
    assert observe(state, 97, start_seconds=20) == []
    assert [(row.name, row.state) for row in check_rows(state, NOW_MS)] == [("web", "critical"), ("disk /", "critical")]


def test_checks_and_rules_that_are_gone_are_not_taken_over() -> None:
    before = local_state(checks=("web",))
    before.observe_check(result("critical"))
    observe(before, 97)
    kept = [one for one in before.kept() if one.rule != "disk-usage"]
    assert local_state([*kept], checks=("other",)).standings == {}


def test_only_what_moves_must_be_kept() -> None:
    state = local_state()
    observe(state, 10)
    assert (state.has_moved, state.is_troubled) == (True, False)
    state.kept()
    observe(state, 11, 12, start_seconds=5)
    assert not state.has_moved
    observe(state, 97, start_seconds=15)
    assert (state.has_moved, state.is_troubled) == (True, True)


def test_rows_have_the_worst_first_and_tell_how_far_the_pending_is() -> None:
    state = local_state(checks=("a b",))
    state.observe_check(result("unknown", name="a b", output="x" * 1000))
    for second in (0, 5, 10):
        state.observe({DISK: 97.0, "cpu.usage_percent": 95.0}, {}, NOW_MS + second * 1000)
    rows = check_rows(state, NOW_MS + 12_000)
    assert [(row.rule, row.state) for row in rows] == [
        ("disk-usage", "critical"),
        ("check", "unknown"),
        ("cpu-usage", "ok"),
    ]
    assert (rows[0].value, rows[0].unit, rows[0].warning, rows[0].critical) == (97.0, "%", 85.0, 95.0)
    assert len(rows[1].output) == 256
    assert (rows[2].pending, rows[2].progress, rows[2].critical) == ("warning", "12 of 30 s", None)
    assert CPU_PLACE in state.standings


def test_a_name_with_a_quote_is_one_subject() -> None:
    assert check_place('a"b') == ("check", 'check="a\\"b"')
