"""Which rows there are, how they are chosen, and what the report keeps of them."""

from pathlib import Path

import pytest

from faults import report, rows
from faults.checker import Verdict
from faults.choice import choose, count_lanes
from faults.report import Outcome, ThisRun, seconds_of_last_time, write_page
from faults.row import MOST_SECONDS, Row

QUICK = ["1", "2", "5", "9", "11", "12", "13", "18", "20", "21", "24", "25", "26", "28", "28a", "29", "40"]
CONTROLS = {
    "control ack before commit",
    "control no mandatory",
    "control classic queue",
    "control delete on publish",
    "control mark before sending",
    "control forget the note",
}


def numbers(chosen: object) -> list[str]:
    assert isinstance(chosen, list | tuple)
    return [row.number for row in chosen]


def test_every_row_of_the_matrix_is_there_but_those_of_other_topics() -> None:
    wanted = {"28a", *(str(number) for number in (*range(1, 36), 40, 42, 43, 44))}
    assert set(numbers(rows.in_order())) == wanted | CONTROLS


def test_quick_means_these_and_all_controls() -> None:
    chosen = numbers(choose("", "", quick=True))
    assert chosen[: len(QUICK)] == QUICK
    assert set(chosen[len(QUICK) :]) == CONTROLS


def test_rows_are_chosen_by_number_and_unknown_ones_refused() -> None:
    assert numbers(choose("9, 1", "", quick=False)) == ["9", "1"]
    with pytest.raises(SystemExit, match="there is no row 99"):
        choose("1,99", "", quick=False)


def test_random_kills_end_the_full_run_and_have_names() -> None:
    assert numbers(choose("", "", quick=False))[-2:] == ["kills sqlite", "kills postgresql"]
    sqlite, postgresql = choose("kills sqlite,kills postgresql", "", quick=False)
    assert sqlite.fault == "1000 random kills of agents, processor and broker"
    assert postgresql.fault == "300 random kills of agents, processor and broker"


def test_a_row_named_twice_runs_once() -> None:
    assert numbers(choose("1,9,1", "", quick=False)) == ["1", "9"]


def test_lanes_are_counted_and_nonsense_is_refused() -> None:
    assert [count_lanes(jobs) for jobs in ("", "1", "4")] == [1, 1, 4]
    for jobs in ("0", "-1", "many", "65"):
        with pytest.raises(SystemExit, match=f"JOBS: '{jobs}' is not a number of lanes"):
            count_lanes(jobs)


def test_kills_are_a_row_of_their_own() -> None:
    (kills,) = choose("", "1000", quick=False)
    assert kills.fault == "1000 random kills of agents, processor and broker"


def outcome(number: str, result: str = "green", detail: str = "") -> Outcome:
    row = Row(number, f"fault {number}", lambda _rig: None, is_quick=True)
    verdicts = [Verdict(offered=10, duplicates=2, drain_seconds=1.25), Verdict(offered=5)]
    versions = {"RabbitMQ": f"3.10.{number}"}
    return Outcome(row, result, detail, verdicts, ["sqlite"], ["a note"], 12.0, 7, "", versions)


ORDER = [outcome(number).row for number in ("1", "2", "4")]
FIRST = ThisRun("make faults", "2026-11-20 08:00", 1)


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "faults.md"
    monkeypatch.setattr(report, "PAGE", path)
    return path


def test_the_page_keeps_rows_that_did_not_run_this_time(page: Path) -> None:
    write_page([outcome("1"), outcome("2", "red", "C1: lost | gone")], ORDER, FIRST)
    write_page([outcome("1")], ORDER, ThisRun("make faults ROWS=1", "2026-11-21 17:30", 1))
    text = page.read_text()
    assert "| 1 | fault 1 | green; a note | 15 | 2 | 0 | 1.2 s | sqlite | 12 s | 7 | 2026-11-21 17:30 |" in text
    assert "| 2 | fault 2 | red: C1: lost / gone; a note |" in text
    assert "`make faults ROWS=1`, begun 2026-11-21 17:30 UTC, on RabbitMQ 3.10.1, Python" in text
    assert text.count("| row | fault |") == 1
    write_page([outcome("kills sqlite")], ORDER, FIRST)
    write_page([outcome("2")], ORDER, FIRST)
    lines = page.read_text().splitlines()
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == ["row", "1", "2", "kills sqlite"]
    assert list(page.parent.iterdir()) == [page]


def test_the_page_says_which_lines_are_of_this_run(page: Path) -> None:
    write_page([outcome("1"), outcome("2")], ORDER, FIRST)
    assert "All 2 lines are of this run." in page.read_text()
    write_page([outcome("4")], ORDER, ThisRun("make faults ROWS=4", "2026-11-21 17:30", 1))
    text = page.read_text()
    assert "1 of 3 lines are of this run, those of 2026-11-21 17:30; the others are kept from earlier ones" in text
    assert text.count("| 2026-11-20 08:00 |") == 2
    assert "side by side" not in text


def test_a_line_says_that_it_is_of_the_quick_form_and_keeps_saying_so(page: Path) -> None:
    write_page(
        [outcome("1"), outcome("2")], ORDER, ThisRun("make faults QUICK=1", "2026-11-20 08:00", 1, is_quick=True)
    )
    write_page([outcome("1")], ORDER, ThisRun("make faults", "2026-11-21 17:30", 1))
    lines = {line.split("|")[1].strip(): line for line in page.read_text().splitlines() if line.startswith("| ")}
    assert lines["1"].endswith("| 2026-11-21 17:30 |")
    assert lines["2"].endswith("| 2026-11-20 08:00, quick form |")


def test_many_kills_may_take_their_time_and_no_other_row_may() -> None:
    by_number = {row.number: row for row in choose("", "", quick=False)}
    assert by_number["kills sqlite"].most_seconds > by_number["kills postgresql"].most_seconds > MOST_SECONDS
    assert {row.most_seconds for number, row in by_number.items() if "kills" not in number} == {MOST_SECONDS}


def test_the_page_says_that_rows_ran_side_by_side_and_which_alone(page: Path) -> None:
    write_page([outcome("1"), outcome("4")], ORDER, ThisRun("make faults JOBS=3", "2026-11-21 17:30", 3))
    text = page.read_text()
    assert "`make faults JOBS=3`" in text
    assert "Up to 3 rows ran side by side, the long ones first" in text
    assert "Rows that had the machine to themselves: 4." in text


def test_the_page_tells_how_long_rows_take() -> None:
    assert seconds_of_last_time() == {}
    write_page([outcome("1"), outcome("kills sqlite")], ORDER, FIRST)
    assert seconds_of_last_time() == {"1": 12.0, "kills sqlite": 12.0}
