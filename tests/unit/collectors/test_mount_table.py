"""The mount table is read again when it changed, and not before."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.collectors import mount_table
from agent.collectors.mount_table import MountTable
from agent.host import Host

THIS_SYSTEM = Host(Path("/proc"), Path("/sys"), Path("/"), "host")
MOUNT_AND_READ = """
import subprocess, sys
from tests.unit.collectors.test_mount_table import THIS_SYSTEM, MountTable
table = MountTable()
before = table.read(THIS_SYSTEM)
assert table.read(THIS_SYSTEM) is before
subprocess.run(["mount", "-t", "tmpfs", "new", sys.argv[1]], check=True)
assert b" - tmpfs new " not in before and b" - tmpfs new " in table.read(THIS_SYSTEM)
"""


def test_an_ordinary_file_is_read_each_time(tmp_path: Path) -> None:
    host = Host(tmp_path, tmp_path, Path("/"), "host")
    file = tmp_path / "self" / "mountinfo"
    file.parent.mkdir()
    table = MountTable()
    for content in (b"one\n", b"two\n"):
        file.write_bytes(content)
        assert table.read(host) == content
    table.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own table")
def test_a_new_mount_is_seen_and_the_quiet_table_is_not_read_again(tmp_path: Path) -> None:
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_mounts, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody have mounts of their own")
    subprocess.run([*own_mounts, sys.executable, "-c", MOUNT_AND_READ, str(tmp_path)], check=True, timeout=30)


def test_a_table_that_could_not_be_read_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = MountTable()
    answers: Iterator[OSError | bytes] = iter([OSError("not now"), b"the table"])

    def read(_path: str) -> bytes:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(mount_table, "read_file", read)
    monkeypatch.setattr(MountTable, "_has_changed", lambda *_: False)
    with pytest.raises(OSError, match="not now"):
        table.read(THIS_SYSTEM)
    assert [table.read(THIS_SYSTEM), table.read(THIS_SYSTEM)] == [b"the table", b"the table"]
