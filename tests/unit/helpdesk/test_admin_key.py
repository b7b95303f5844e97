"""The key for administration on this machine."""

import stat
from pathlib import Path

import pytest

from helpdesk_api.access import sha256_of
from helpdesk_api.admin_key import admin_key


def test_the_key_lies_in_a_file_of_its_owner_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run" / "admin.key"
    with admin_key(path) as sha256:
        key = path.read_text().strip()
        assert key.startswith("healthmon_")
        assert sha256_of(key) == sha256
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_each_start_makes_another_key_over_one_that_was_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    path.write_text("left behind")
    path.chmod(0o644)
    with admin_key(path) as first:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with admin_key(path) as second:
        assert first != second


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "admin.key").symlink_to(victim)
    with admin_key(tmp_path / "admin.key"):
        assert victim.read_text() == "kept"


def test_the_file_goes_when_the_program_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), admin_key(tmp_path / "admin.key"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
