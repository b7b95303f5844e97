"""The boot clock alone moves, in the same process; and the row that moves it sees what goes wrong."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faults.boot_clock import AHEAD, require_time_namespaces
from faults.evidence import StoredSnapshot
from faults.row import CannotRun
from faults.rows.clocks import SLEPT_SECONDS, are_in_order_over_the_sleep
from faults.witness import Key

ROOT = Path(__file__).parents[3]
AWAKE, ASLEEP = [1.0, 2.0, 3.0], [SLEPT_SECONDS + 4.0, SLEPT_SECONDS + 5.0]


def test_the_boot_clock_is_ahead_and_nothing_else() -> None:
    try:
        require_time_namespaces()
    except CannotRun as why:
        pytest.skip(str(why))
    before = time.monotonic()
    command = [sys.executable, "-m", "tests.unit.faults.boot_clock_program"]
    program = subprocess.Popen(command, env=os.environ | {AHEAD: "5000"}, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    told, _ = program.communicate(timeout=60)
    process_id, boot_seconds, monotonic_seconds = told.split()
    assert int(process_id) == program.pid
    assert before < float(monotonic_seconds) < time.monotonic()
    assert float(boot_seconds) > time.clock_gettime(time.CLOCK_BOOTTIME) + 4000


def snapshots(*boot_seconds: float, boot_id: str = "b") -> list[StoredSnapshot]:
    return [
        StoredSnapshot(Key("a1", 1, seq), 0, 0, {}, {"boot_id": boot_id, "boot_seconds": seconds})
        for seq, seconds in enumerate(boot_seconds)
    ]


def test_one_jump_in_one_boot_is_a_sleep() -> None:
    are_in_order_over_the_sleep(snapshots(*AWAKE, *ASLEEP))


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("0 jumps", snapshots(*AWAKE)),
        ("2 jumps", snapshots(*AWAKE, *ASLEEP, 3.0 * SLEPT_SECONDS)),
        ("went back", snapshots(*AWAKE, *ASLEEP, SLEPT_SECONDS)),
        ("took it for a boot", [*snapshots(*AWAKE, *ASLEEP), *snapshots(*AWAKE, boot_id="c")[1:]]),
    ],
)
def test_whatever_else_is_none(what: str, found: list[StoredSnapshot]) -> None:
    with pytest.raises(AssertionError, match=what):
        are_in_order_over_the_sleep(found)
