"""Which rows there are, how they are chosen, and what the report keeps of them."""

from pathlib import Path

import pytest

from faults import report, rows
from faults.__main__ import choose
from faults.checker import Verdict
from faults.report import Outcome, write_page
from faults.row import Row

QUICK = ["1", "2", "5", "9", "11", "12", "13", "18", "20", "21", "24", "25", "26", "28", "28a", "29", "40"]
CONTROLS = {
    "control ack before commit",
    "control no mandatory",
    "control classic queue",
    "control delete on publish",
    "control mark before sending",
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


def test_kills_are_a_row_of_their_own() -> None:
    (kills,) = choose("", "1000", quick=False)
    assert kills.fault == "1000 random kills of agents, processor and broker"


def outcome(number: str, result: str = "green", detail: str = "") -> Outcome:
    row = Row(number, f"fault {number}", lambda _rig: None, is_quick=True)
    verdicts = [Verdict(offered=10, duplicates=2, drain_seconds=1.25), Verdict(offered=5)]
    return Outcome(row, result, detail, verdicts, ["sqlite"], ["a note"], 12.0, 7)


def test_the_page_keeps_rows_that_did_not_run_this_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "faults.md")
    both = [outcome("1"), outcome("2", "red", "C1: lost | gone")]
    order = [item.row for item in both]
    write_page(both, order, {"RabbitMQ": "3.10.8"}, "make faults")
    write_page([outcome("1")], order, {"RabbitMQ": "4.1.0"}, "make faults ROWS=1")
    page = (tmp_path / "faults.md").read_text()
    assert "| 1 | fault 1 | green; a note | 15 | 2 | 0 | 1.2 s | sqlite | 12 s | 7 |" in page
    assert "| 2 | fault 2 | red: C1: lost / gone; a note |" in page
    assert "`make faults ROWS=1`" in page
    assert "RabbitMQ 4.1.0" in page
    assert page.count("| row | fault |") == 1
    write_page([outcome("kills sqlite")], order, {}, "make faults KILLS=10")
    write_page([outcome("2")], order, {}, "make faults ROWS=2")
    lines = (tmp_path / "faults.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == ["row", "1", "2", "kills sqlite"]
