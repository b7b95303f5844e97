"""`python -m deploy.demo.burn SECONDS PARENT`: keep one core busy until the time is over or the parent is gone."""

import os
import sys
import time


def burn(seconds: float, parent: int) -> None:
    os.nice(19)
    end = time.monotonic() + seconds
    while time.monotonic() < end and os.getppid() == parent:
        sum(range(100_000))


if __name__ == "__main__":
    burn(float(sys.argv[1]), int(sys.argv[2]))
