"""`make demo`. The trouble is healed however it ends.

Exit codes: 0 shown as far as somebody read, 1 something did not happen, 130 interrupted.
"""

import os
import signal
import subprocess
import sys

from deploy.demo.stack import Desk, Stack, find_stack
from deploy.demo.story import TooLate, play

INTERRUPTED = 130


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # heals as Ctrl-C does
    stack = find_stack(os.environ)
    if stack is None:
        print(
            "No stack answers, so there is nothing to show. The demo needs one that is up and reports.\n"
            "Run `make up` (or `docker-compose up --build -d`) first, then `make demo` in a second terminal.",
            file=sys.stderr,
        )
        return 1
    return _show(stack)


def _show(stack: Stack) -> int:
    try:
        play(stack.trouble, Desk(stack.healthmon), lambda text: print(text, flush=True))
    except KeyboardInterrupt:
        print("\nInterrupted; the trouble is healed.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at its end
        print("Nobody reads on, so the demo ends here; the trouble is healed.", file=sys.stderr)
    except (TooLate, subprocess.SubprocessError) as error:
        print(f"The demo failed: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
