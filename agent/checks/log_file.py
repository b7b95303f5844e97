"""A log file: is there a new line that looks like trouble?"""

import re
from collections import deque
from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec

from agent.check_settings import CheckSetting, Text
from agent.checks.deadline import Deadline
from agent.checks.log_reader import LogReader
from agent.checks.observation import Observation, Probe
from agent.checks.pattern import PatternText, matches, why_bad_pattern
from agent.performance_data import Measured
from health.state import State

SHOWN_LINES = 5
SHOWN_CHARACTERS = 500


class LogFileCheck(CheckSetting, frozen=True, kw_only=True):
    """Warns at new lines in `file` in which `pattern` is found. The first run begins at the file's end.

    A match is seen once, so that it counts at once: `attempts` is 1 where nothing else is set.
    """

    kind: ClassVar[str] = "log_file"

    file: Text
    pattern: PatternText
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1

    def problems(self) -> list[tuple[str, str]]:
        why_bad = why_bad_pattern(self.pattern)
        return [("pattern", why_bad)] if why_bad else []

    def probe(self) -> Probe:
        reader, pattern = LogReader(self.file), re.compile(self.pattern)

        def observe(_deadline: Deadline) -> Observation:
            count = matched = 0
            shown: deque[str] = deque(maxlen=SHOWN_LINES)
            trouble = ""
            try:
                for line in reader.new_lines():
                    count += 1
                    if matches(pattern, line):
                        matched += 1
                        shown.append(line[:SHOWN_CHARACTERS])
            except OSError as error:
                trouble = f"it cannot be read: {error.strerror}"
            if reader.skipped_bytes:
                trouble = trouble or f"{reader.skipped_bytes} bytes before them were too many to read"
            return self._judge(count, matched, shown, trouble)

        return observe

    def _judge(self, count: int, matched: int, shown: Iterable[str], trouble: str) -> Observation:
        measured = (Measured("lines", "", float(count)), Measured("matches", "", float(matched)))
        text = "; ".join(filter(None, (f"{_lines_that_matched(matched, count)} in {self.file} matched", trouble)))
        state = State.WARNING if matched else State.UNKNOWN if trouble else State.OK
        return Observation(state, "\n".join((text, *shown)), measured)


def _lines_that_matched(matched: int, count: int) -> str:
    """As people say it, before `matched`: no new line, 1 new line, 2 of 5 new lines."""
    if not matched:
        return "no new line"
    of = "" if matched == count else f"{matched} of "
    return f"{of}{count} new line{'' if count == 1 else 's'}"
