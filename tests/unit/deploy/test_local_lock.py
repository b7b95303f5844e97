"""One stack per state folder."""

import os
from pathlib import Path

import pytest

from deploy.local.lock import AlreadyRunning, stack_lock, stop_holder


def test_a_second_stack_is_told_who_runs(tmp_path: Path) -> None:
    refusal = f"already running as process {os.getpid()}"
    with stack_lock(tmp_path), pytest.raises(AlreadyRunning, match=refusal), stack_lock(tmp_path):
        pass


def test_the_lock_is_free_after_its_holder(tmp_path: Path) -> None:
    for _ in range(2):
        with stack_lock(tmp_path):
            assert (tmp_path / "run" / "stack.pid").read_text() == str(os.getpid())


def test_without_a_holder_nothing_is_stopped_not_even_the_process_of_an_old_file(tmp_path: Path) -> None:
    assert stop_holder(tmp_path) is None
    with stack_lock(tmp_path):
        pass
    assert stop_holder(tmp_path) is None
