"""The demo's CPU burn is bounded and leaves no process."""

import os
import platform
import select
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.trouble import BusyCpu

PATIENCE_SECONDS = 20


def ended(process_id: int) -> bool:
    """Whether a process that may be nobody's child ends within the patience."""
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(handle)


def burner(parent: int, seconds: float) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "deploy.demo.burn", str(seconds), str(parent)])


def test_a_burner_ends_by_itself() -> None:
    assert burner(os.getpid(), 0.1).wait(PATIENCE_SECONDS) == 0


def test_a_burner_whose_parent_is_another_process_ends_at_once() -> None:
    assert burner(1, 600).wait(PATIENCE_SECONDS) == 0


def children() -> set[str]:
    """Of this process; among them may be servers that other tests have started and left running."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_an_incident_of_the_agent_here_is_its_own_whatever_the_agent_is_called(tmp_path: Path) -> None:
    trouble = BusyCpu(tmp_path)
    incident = {"rule": "cpu-usage", "host_name": "web-3"}
    assert not trouble.causes(incident)
    for slot, status in (("0", '{"name":"web-3"}   '), ("1", "half")):
        (tmp_path / "slots" / slot).mkdir(parents=True)
        (tmp_path / "slots" / slot / "status.json").write_text(status)
    assert trouble.causes(incident)
    assert trouble.causes(incident | {"host_name": platform.node()})
    assert not trouble.causes(incident | {"host_name": "web-4"})


def test_healing_leaves_no_burner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    trouble = BusyCpu(Path("/nonexistent"))
    before = children()
    trouble.start()
    burners = children() - before
    trouble.heal()
    assert burners
    assert all(ended(int(process_id)) for process_id in burners)
    trouble.heal()
