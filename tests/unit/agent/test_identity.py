"""Agents that share a state folder have an id each, and keep it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.identity import claim_identity, known_agent_id, slot_folders
from agent.settings import ConfigError

CLAIMER = """
import sys
from pathlib import Path
from agent.identity import claim_identity
print(claim_identity(Path(sys.argv[1])).agent_id, flush=True)
sys.stdin.read()
"""


@contextmanager
def replicas(state_folder: Path, count: int) -> Iterator[list[str]]:
    """Ids of that many processes, all alive inside the block; then killed."""
    command = [sys.executable, "-c", CLAIMER, str(state_folder)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        yield [process.stdout.readline().strip() for process in processes if process.stdout]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_folder_beside_the_slots_is_none(tmp_path: Path) -> None:
    for name in ("10", "9", "0.bak"):
        (tmp_path / "slots" / name).mkdir(parents=True)
    assert [folder.name for folder in slot_folders(tmp_path)] == ["9", "10"]


def test_ten_replicas_on_one_volume_have_ten_ids_and_keep_them_over_kills(tmp_path: Path) -> None:
    with replicas(tmp_path, 10) as ids:
        assert len(set(ids)) == 10
        assert sorted(folder.name for folder in (tmp_path / "slots").iterdir()) == sorted(map(str, range(10)))
    with replicas(tmp_path, 10) as again:
        assert set(again) == set(ids)


def test_the_lowest_free_slot_is_taken(tmp_path: Path) -> None:
    identities = [claim_identity(tmp_path) for _ in range(3)]
    identities[1].release()
    again = claim_identity(tmp_path)
    assert (again.folder.name, again.agent_id) == ("1", identities[1].agent_id)
    for identity in (identities[0], identities[2], again):
        identity.release()


def test_ids_are_random_and_fit_a_routing_key(tmp_path: Path) -> None:
    first, other = claim_identity(tmp_path / "a"), claim_identity(tmp_path / "b")
    assert first.agent_id != other.agent_id
    assert len(first.agent_id) == 16
    assert set(first.agent_id) <= set("0123456789abcdef")
    assert known_agent_id(tmp_path / "a") == first.agent_id
    first.release()
    other.release()


def test_an_id_file_that_holds_no_id_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "slots" / "0" / "agent-id"
    file.parent.mkdir(parents=True)
    file.write_text("Not An Id!")
    with pytest.raises(ConfigError, match="agent-id holds no agent id"):
        claim_identity(tmp_path)
    assert file.read_text() == "Not An Id!"


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"HEALTHMON_STATE_DIR .*/file/state"):
        claim_identity(tmp_path / "file" / "state")


def test_no_agent_ran_here(tmp_path: Path) -> None:
    assert known_agent_id(tmp_path) is None
