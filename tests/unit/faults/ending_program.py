"""A program for tests: `obeys` and `ignores` wait for SIGTERM, `ends` ends by itself; the number is the exit code."""

import signal
import sys
import time

LONGEST_SECONDS = 60.0


def main() -> int:
    how, code = sys.argv[1], int(sys.argv[2])
    if how == "ends":
        return code
    time.sleep(0.5)  # a start takes its time, and until then SIGTERM would end it at once
    signal.signal(signal.SIGTERM, (lambda *_: sys.exit(code)) if how == "obeys" else (lambda *_: None))
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.05)
    return 3


if __name__ == "__main__":
    raise SystemExit(main())
