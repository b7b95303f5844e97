"""Too many agents are refused before the first one starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.main import ExitCode
from simulator.room import NoRoom, free_memory_bytes, make_room


def container(folder: Path, limit: str, used: int) -> Path:
    """A cgroup (version 2) as a container sees its own."""
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"anon {used}\nfile 4096\n")
    return folder


def test_too_few_open_files_are_told_before_anything_starts() -> None:
    limited = ["sh", "-c", 'ulimit -n 150; exec "$0" -m simulator --agents 100', sys.executable]
    ended = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.USAGE
    assert "need 200 open files, and this process may open 150" in ended.stderr
    assert "at most 50 agents" in ended.stderr


def test_more_than_the_containers_memory_holds_is_refused(tmp_path: Path) -> None:
    here = container(tmp_path, str(256 * 2**20), used=100 * 2**20)
    make_room(1_000, 1, here)
    with pytest.raises(NoRoom, match="at most 1,215 agents"):
        make_room(1_216, 1, here)
    with pytest.raises(NoRoom, match="at most 250 agents"):
        make_room(1_000, 10_000, here)


def test_where_no_limit_is_set_there_is_room(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path) is None
    assert free_memory_bytes(container(tmp_path, "max", used=1)) is None
    make_room(100, 1, tmp_path)


def test_the_first_version_of_cgroups_is_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("1000\n")
    (folder / "memory.stat").write_text("cache 5\ntotal_rss 400\n")
    assert free_memory_bytes(tmp_path) == 600


def test_a_container_over_its_limit_has_no_room(tmp_path: Path) -> None:
    assert free_memory_bytes(container(tmp_path, "100", used=200)) == 0
