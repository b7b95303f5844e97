"""Two rigs at once take nothing from each other: ports, networks, disks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faults import ports
from faults.namespace import Namespace
from faults.ports import claim_ports
from faults.program import ROOT


def may_make_networks() -> bool:
    return shutil.which("ip") is not None and subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0


def test_a_port_that_another_process_has_claimed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; from faults.ports import claim_ports; print(*claim_ports(1), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        offered = iter([theirs, theirs + 1])
        monkeypatch.setattr(ports, "free_ports", lambda _count: [next(offered)])
        assert claim_ports(1) == [theirs + 1]
        other.communicate("")
    monkeypatch.setattr(ports, "free_ports", lambda _count: [theirs])
    assert claim_ports(1) == [theirs]


def test_no_port_is_claimed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    (free,) = claim_ports(1)
    offered = iter([free, free + 1, free + 1, free + 2])
    monkeypatch.setattr(ports, "free_ports", lambda _count: [next(offered)])
    assert claim_ports(2) == [free + 1, free + 2]


@pytest.mark.skipif(not may_make_networks(), reason="needs root and network namespaces")
def test_networks_at_the_same_time_have_addresses_of_their_own() -> None:
    one, other = Namespace(os.getpid()), Namespace(40_000 + os.getpid())  # no process has such an id
    try:
        one.make()
        other.make()
        assert one.host_address != other.host_address
        mounts_inside = subprocess.run([*one.inside, "readlink", "/proc/self/ns/mnt"], check=True, capture_output=True)
        assert mounts_inside.stdout.decode().strip() == str(Path("/proc/self/ns/mnt").readlink())
    finally:
        one.remove()
        other.remove()
