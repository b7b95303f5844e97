"""A program that may be started with its boot clock ahead: it prints its process id and both clocks."""

import os
import time

from faults import boot_clock

if __name__ == "__main__":
    boot_clock.move_ahead("tests.unit.faults.boot_clock_program")
    print(os.getpid(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic(), flush=True)
