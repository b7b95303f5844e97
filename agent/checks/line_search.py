"""Finds a user's pattern in lines that others write, in a child process under the deadline of the check.

There are patterns and lines on which a search never ends, and in this process it would hold up all other threads.
"""

import sys
from collections import deque

from agent.checks.child import CannotStart, run_child
from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.pattern import LONGEST_MATCHED

SHOWN_LINES = 5
SHOWN_CHARACTERS = 500
BATCH_BYTES = 1024 * 1024

PROGRAM = f"""
import re, sys
pattern, *lines = sys.stdin.buffer.read().decode().split("\\0")
search = re.compile(pattern).search
found = [line for line in lines if search(line)]
shown = [line[:{SHOWN_CHARACTERS}] for line in found[-{SHOWN_LINES}:]]
sys.stdout.buffer.write("\\0".join([str(len(found)), *shown]).encode())
"""
CHILD_OPTIONS = ("-I", "-S", "-c", PROGRAM)


class LineSearch:
    """`add` lines, then `end`: `count` of `matched`, the last of which are `shown`.

    `trouble` is why some of them were not searched; that costs the rest of the lines, for no time is left.
    """

    def __init__(self, pattern: str, deadline: Deadline) -> None:
        self._pattern = pattern
        self._deadline = deadline
        self._waiting = bytearray()
        self.count = self.matched = 0
        self.shown: deque[str] = deque(maxlen=SHOWN_LINES)
        self.trouble = ""

    def add(self, line: str) -> None:
        self.count += 1
        if self.trouble:
            return
        self._waiting += b"\0" + line[:LONGEST_MATCHED].replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
        if len(self._waiting) >= BATCH_BYTES:
            self.end()

    def end(self) -> None:
        """Search what was added and not searched yet; nothing is started where there is nothing."""
        if not self._waiting:
            return
        content, self._waiting = self._pattern.encode() + self._waiting, bytearray()
        try:
            ended = run_child([sys.executable, *CHILD_OPTIONS], self._deadline, content=content)
        except TimeIsUp:
            self.trouble = "the search for the pattern took too long and was ended; write it with fewer repetitions"
        except CannotStart as error:
            self.trouble = f"the pattern cannot be searched: {error}"
        else:
            self._take(ended.exit_code, ended.output, ended.error_output)

    def _take(self, exit_code: int, output: str, error_output: str) -> None:
        if exit_code != 0:
            said = error_output.strip().rpartition("\n")[2]
            self.trouble = f"the pattern cannot be searched: its process ended with {exit_code}: {said}"
            return
        matched, *shown = output.split("\0")
        self.matched += int(matched)
        self.shown.extend(shown)
