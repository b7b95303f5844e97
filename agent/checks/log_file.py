"""A log file: is there a new line that looks like trouble?"""

from typing import Annotated, ClassVar

import msgspec

from agent.check_settings import CheckSetting, Text
from agent.checks.deadline import Deadline
from agent.checks.line_search import LineSearch
from agent.checks.log_reader import LogReader
from agent.checks.observation import Observation, Probe
from agent.checks.pattern import PatternText, why_bad_pattern
from agent.performance_data import Measured
from health.state import State


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
        reader = LogReader(self.file)

        def observe(deadline: Deadline) -> Observation:
            search = LineSearch(self.pattern, deadline)
            troubles: list[str] = []
            try:
                for line in reader.new_lines():
                    search.add(line)
            except OSError as error:
                troubles.append(f"it cannot be read: {error.strerror}")
            search.end()
            if search.trouble:
                troubles.append(f"not all lines are judged: {search.trouble}")
            if reader.skipped_bytes:
                troubles.append(f"{reader.skipped_bytes} bytes before them were too many to read")
            return self._judge(search, troubles)

        return observe

    def _judge(self, search: LineSearch, troubles: list[str]) -> Observation:
        measured = (Measured("lines", "", float(search.count)), Measured("matches", "", float(search.matched)))
        text = "; ".join([f"{_lines_that_matched(search.matched, search.count)} in {self.file} matched", *troubles])
        state = State.WARNING if search.matched else State.UNKNOWN if troubles else State.OK
        return Observation(state, "\n".join((text, *search.shown)), measured)


def _lines_that_matched(matched: int, count: int) -> str:
    """As people say it, before `matched`: no new line, 1 new line, 2 of 5 new lines."""
    if not matched:
        return "no new line"
    of = "" if matched == count else f"{matched} of "
    return f"{of}{count} new line{'' if count == 1 else 's'}"
