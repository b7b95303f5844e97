"""The name of a host fits its hello, whatever the file, the system or the setting holds."""

from pathlib import Path

import pytest

from agent.host import Host, plain_name


def mounted(folder: Path, content: bytes) -> Host:
    (folder / "etc").mkdir()
    (folder / "etc/hostname").write_bytes(content)
    return Host(folder / "proc", folder / "sys", folder, "host")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"db-1\n", "db-1"),
        (b"db\x00-\x1b1\n", "db-1"),
        (b"x" * 300, "x" * 256),
        (b"\xff1", "\\xff1"),
        ("bücher".encode(), "bücher"),
    ],
)
def test_a_name_in_a_file_is_printable_and_not_too_long(tmp_path: Path, content: bytes, name: str) -> None:
    assert mounted(tmp_path, content).host_name() == name


def test_a_file_that_holds_no_name_gives_way_to_the_systems_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "box\udcff")
    assert mounted(tmp_path, b"\x00\n").host_name() == "box"


def test_what_is_no_text_is_no_part_of_a_name() -> None:
    assert plain_name("a\udcff\x7f\u202e\u2028b ") == "ab"
