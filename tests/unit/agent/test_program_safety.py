"""Which programs the agent lends its rights to."""

import os
from pathlib import Path

import pytest

from agent.program_safety import why_changeable, why_unsafe
from tests.unit.agent.local import script


def test_a_safe_command() -> None:
    assert why_unsafe("/bin/true") is None


def test_a_script_of_our_own_below_tmp_is_safe(tmp_path: Path) -> None:
    assert why_unsafe(script(tmp_path, "exit 0")) is None


def test_a_relative_path_is_refused() -> None:
    assert "must be an absolute path" in str(why_unsafe("bin/true"))


def test_what_others_can_write_is_refused(tmp_path: Path) -> None:
    file = Path(script(tmp_path, "exit 0"))
    file.chmod(0o757)
    assert why_unsafe(str(file)) == f"{file} can be written by others; take that right away: chmod o-w {file}"


def test_a_folder_above_that_others_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open" / "inner"
    folder.mkdir(parents=True)
    file = script(folder, "exit 0")
    folder.parent.chmod(0o777)
    assert "open can be written by others" in str(why_unsafe(file))


def test_a_link_is_judged_by_where_it_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (tmp_path / "link").symlink_to(script(folder, "exit 0"))
    assert why_unsafe(str(tmp_path / "link")) is None
    folder.chmod(0o777)
    assert "open can be written by others" in str(why_unsafe(str(tmp_path / "link")))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = script(tmp_path, "exit 0")
    os.chown(file, 12345, 12345)
    assert "belongs to another user" in str(why_unsafe(file))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a file to another group")
def test_what_another_group_can_write_is_refused(tmp_path: Path) -> None:
    file = Path(script(tmp_path, "exit 0"))
    file.chmod(0o775)
    assert why_unsafe(str(file)) is None
    os.chown(file, -1, 12345)
    assert "can be written by its group; take that right away: chmod g-w" in str(why_unsafe(str(file)))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a file away")
def test_who_runs_a_program_may_have_written_it(tmp_path: Path) -> None:
    file = script(tmp_path, "exit 0")
    os.chown(file, 12345, 12345)
    assert "belongs to another user" in str(why_changeable(file))
    assert why_changeable(file, also_owned_by=12345) is None
    assert why_changeable(str(tmp_path / "not-there")) is None
