"""The kernel's files stay open and are new at each reading; ordinary files are opened each time."""

import os
from pathlib import Path

import pytest

from agent import host
from agent.host import Host, read_held


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


def test_what_is_written_in_one_piece_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    pread = os.pread

    def counted(descriptor: int, count: int, offset: int) -> bytes:
        asked.append(offset)
        return pread(descriptor, count, offset)

    monkeypatch.setattr("agent.host.os.pread", counted)
    here = Host(Path("/proc"), Path("/sys"), Path("/"), "host")
    for name in ("meminfo", "net/dev"):
        assert here.read_proc(name).count(b"\n") == Path("/proc", name).read_bytes().count(b"\n")
        asked.clear()
        here.read_proc(name)
        assert len(asked) == (1 if name == "meminfo" else 2)


def test_one_piece_that_is_longer_than_a_chunk_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_CHUNK_BYTES", 8)
    path = "/proc/version"
    assert read_held(path, in_one_piece=True) == read_held(path, in_one_piece=True) == Path(path).read_bytes()
