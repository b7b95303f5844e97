"""A process dies at exactly the call that was asked for."""

import signal
import subprocess
import sys

import pytest

from faults.boundary import Boundary, arm

PROGRAM = """
import sqlite3, sys
from faults.boundary import arm
arm(sys.argv[1])
import shutil
database = sqlite3.connect(":memory:", isolation_level=None)
for number in range(4):
    print("call", number, flush=True)
    shutil.which("sh")
    print("called", number, flush=True)
    database.execute("BEGIN")
    database.execute("COMMIT")
    print("committed", number, flush=True)
"""


@pytest.mark.parametrize(
    ("boundary", "last_line"),
    [
        (Boundary("before", "shutil:which", 1), "call 0"),
        (Boundary("after", "shutil:which", 2), "call 1"),
        (Boundary("before", "COMMIT", 3), "called 2"),
    ],
)
def test_it_dies_there(boundary: Boundary, last_line: str) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(boundary)], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.splitlines()[-1] == last_line


def test_a_place_that_is_no_more_is_an_error() -> None:
    with pytest.raises(AttributeError):
        arm("before shutil:no_such_function 1")
