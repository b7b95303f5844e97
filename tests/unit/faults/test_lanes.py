"""Rows side by side in processes of their own, and what happens when one of those dies."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from faults import lanes
from faults.choice import all_rows
from faults.lanes import Lanes, phases
from faults.program import ROOT
from faults.report import Outcome
from faults.rig import OTHER_FILE_SYSTEM
from faults.row import ALONE, Inject, Row
from tests.unit.faults.lane_rows import die, fail, freeze, hang, leave, meeting, note_the_lane, row
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of us and of lanes: one that dies leaves its logs there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def run(rows: Sequence[Row], at_once: int) -> dict[str, Outcome]:
    announced: list[str] = []
    with Lanes(7, is_quick=True, announce=lambda begun: announced.append(begun.number)) as open_lanes:
        outcomes = {outcome.row.number: outcome for outcome in open_lanes.run(rows, at_once)}
    assert announced == [each.number for each in rows]
    return outcomes


def test_a_lane_runs_one_row_after_the_other() -> None:
    outcomes = run([row("1", note_the_lane), row("2", fail), row("control 3", fail), row("4", note_the_lane)], 1)
    results = {number: outcome.result for number, outcome in outcomes.items()}
    assert results == {"1": "green", "2": "red", "control 3": "MISSED", "4": "green"}
    assert outcomes["2"].detail == "AssertionError: it broke"
    assert "in fail" in outcomes["2"].trace
    assert outcomes["1"].notes == outcomes["4"].notes
    assert outcomes["1"].notes != [str(os.getpid())]


def test_two_lanes_run_rows_at_the_same_time(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    outcomes = run([meeting("1", here, there), meeting("2", there, here)], 2)
    assert [outcome.result for outcome in outcomes.values()] == ["green", "green"]


@pytest.mark.parametrize(
    ("inject", "detail"), [(die, "its lane was killed by SIGKILL"), (leave, "its lane ended with 3")]
)
def test_a_lane_that_dies_takes_its_row_with_it_and_no_other(inject: Inject, detail: str) -> None:
    outcomes = run([row("1", inject), row("control 2", inject), row("3", note_the_lane)], 1)
    assert [(outcome.result, outcome.detail) for outcome in outcomes.values()] == [
        ("red", detail),
        ("MISSED", detail),
        ("green", ""),
    ]


@pytest.mark.parametrize("inject", [hang, freeze])
def test_leaving_in_the_middle_leaves_nothing(
    inject: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "END_SECONDS", 60.0 if inject is hang else 0.5)
    begun = tmp_path / "begun"
    rows = [row("1", partial(inject, begun=begun)), meeting("2", tmp_path / "own", begun)]
    with Lanes(7, is_quick=True, announce=lambda _row: None) as open_lanes:
        assert next(open_lanes.run(rows, 2)).row.number == "2"
    process_id = int(begun.read_text())
    assert not Path(f"/proc/{process_id}").exists()
    assert remains(process_id) == []


@pytest.mark.parametrize("inject", [hang, freeze])
def test_a_row_that_hangs_is_ended_and_red_and_the_next_one_runs(
    inject: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "END_SECONDS", 60.0 if inject is hang else 0.5)
    begun = tmp_path / "begun"
    hanging = replace(row("1", partial(inject, begun=begun)), most_seconds=5.0)
    outcomes = run([hanging, row("2", note_the_lane)], 1)
    ended = "ended with 143" if inject is hang else "was killed by SIGKILL"
    assert (outcomes["1"].result, outcomes["1"].detail) == ("red", f"its lane gave no answer within 5 s and {ended}")
    assert outcomes["2"].result == "green"
    assert remains(int(begun.read_text())) == []


def test_lanes_end_with_whoever_started_them(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    program = "; ".join(
        [
            "import sys, functools, pathlib",
            "from faults.lanes import Lanes",
            "from tests.unit.faults.lane_rows import hang, row",
            "rows = [row('1', functools.partial(hang, begun=pathlib.Path(sys.argv[1])))]",
            "list(Lanes(7, is_quick=True, announce=lambda _row: None).run(rows, 1))",
        ]
    )
    with subprocess.Popen([sys.executable, "-c", program, str(begun)], cwd=ROOT) as parent:
        wait_for(begun.exists, "the row has begun")
        parent.kill()
    process_id = int(begun.read_text())
    wait_for(lambda: not Path(f"/proc/{process_id}").exists(), "the lane is gone")
    assert remains(process_id) == []


def test_what_took_longest_begins_first_and_rows_that_want_the_machine_come_last() -> None:
    rows = [row(number, note_the_lane) for number in ("1", "4", "13", "35", "99")]
    seconds = {"1": 25.0, "4": 107.0, "13": 26.0, "35": 996.0}
    assert numbers(phases(rows, 3, seconds)) == [(["99", "13", "1"], 3), (["35", "4"], 1)]
    assert numbers(phases(rows, 1, seconds)) == [(["1", "4", "13", "35", "99"], 1)]


def test_rows_that_want_the_machine_are_rows() -> None:
    assert {each.number for each in all_rows()} >= ALONE


@pytest.mark.parametrize("each", all_rows(), ids=lambda each: each.number)
def test_every_row_can_be_sent_to_a_lane(each: Row) -> None:
    assert pickle.loads(pickle.dumps(each)).number == each.number  # noqa: S301


def numbers(planned: Sequence[tuple[Sequence[Row], int]]) -> list[tuple[list[str], int]]:
    return [([each.number for each in rows], at_once) for rows, at_once in planned]


def remains(process_id: int) -> list[str]:
    """Of the rig of this process."""
    journals = OTHER_FILE_SYSTEM.glob(f"healthmon-witness-{process_id}-*")
    networks = Path("/run/netns").glob(f"healthmon-*-{process_id}")
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f"faults-{process_id}-" in line]
    return [*mounts, *(str(path) for path in (*journals, *networks))]
