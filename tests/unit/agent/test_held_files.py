"""The kernel's files stay open and are new at each reading; ordinary files are opened each time."""

from pathlib import Path

import pytest

from agent import host
from agent.host import read_held


def test_a_file_of_the_kernel_is_opened_once_and_read_anew() -> None:
    path = "/proc/uptime"
    first = read_held(path)
    descriptor = host._held[path]
    while (later := read_held(path)) == first:
        pass
    assert host._held[path] == descriptor
    assert float(later.split()[0]) >= float(first.split()[0])


def test_a_long_file_of_the_kernel_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_CHUNK_BYTES", 8)
    path = "/proc/version"
    assert read_held(path) == read_held(path) == Path(path).read_bytes()


def test_an_ordinary_file_may_be_replaced(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        other = tmp_path / "other"
        other.write_bytes(content)
        other.replace(tmp_path / "file")
        assert read_held(f"{tmp_path}/file") == content
