"""`make demo` as a command: how it ends when its reader goes away, as in `make demo | head -1`."""

import os
import subprocess
import sys

PROGRAM = """
import sys
from functools import partial

from deploy.demo import __main__ as demo
from deploy.demo.stack import Stack
from deploy.demo.story import play
from tests.unit.compose.test_demo_story import World

world = World()
demo.find_stack = lambda _environment: Stack("local", [], world)
demo.Desk = lambda _healthmon: world
demo.play = partial(play, clock=world)
sys.exit(demo.main())
"""


def test_it_ends_quietly_when_nobody_reads_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (
        0,
        "Nobody reads on, so the demo ends here; the trouble is healed.\n",
    )
