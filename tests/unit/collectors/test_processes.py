from dataclasses import replace
from pathlib import Path

import pytest

from agent.collectors.processes import Processes
from tests.unit.collectors.recordings import server_first


def proc(folder: Path, stats: dict[str, str]) -> Path:
    for pid, stat in stats.items():
        (folder / pid).mkdir()
        (folder / pid / "stat").write_text(stat)
    return folder


def test_processes_are_counted_by_state(tmp_path: Path) -> None:
    stats = {
        "1": "1 (init) S 0 1",
        "7": "7 (nfs) D 2 0",
        "8": "8 (kworker/0:1) I 2 0",
        "20": "20 (a) b) (c) Z 1 20",
        "21": "21 (spin) R 1 21",
        "22": "22 (traced) t 1 22",
        "23": "23 (stopped) T 1 22",
    }
    proc(tmp_path, stats)
    (tmp_path / "sys").mkdir()
    (tmp_path / "30").mkdir()  # ended before its turn came
    assert Processes().collect(replace(server_first(), proc=tmp_path), 0.0) == {
        "processes.total": 7.0,
        'processes.count{state="running"}': 1.0,
        'processes.count{state="sleeping"}': 1.0,
        'processes.count{state="blocked"}': 1.0,
        'processes.count{state="zombie"}': 1.0,
        'processes.count{state="stopped"}': 2.0,
        'processes.count{state="idle"}': 1.0,
    }


def test_a_proc_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Processes().collect(replace(server_first(), proc=tmp_path / "nowhere"), 0.0)
