"""The hub's one incident about the road of all records: opened, reworded and closed."""

from processor.memory import FleetMemory
from processor.silence.facts import Flow
from processor.silence.road import Cause, Trouble
from processor.silence.sentences import away_sentence, flowing_sentence, trouble_sentence
from processor.silence.steps import PIPELINE_KEY, Steps, standing_check
from store.model import HUB, Change


class RoadRecord:
    """`told` is the cause that the open incident names; None when none is open, or another processor opened it."""

    def __init__(self) -> None:
        self.told: Cause | None = None

    def note_absence(self, from_ms: int, memory: FleetMemory, steps: Steps) -> Cause | None:
        """No processor stored anything since `from_ms` by the wall clock. History: nobody is notified of it."""
        if standing_check(memory, PIPELINE_KEY) is not None:
            return None
        seconds = (steps.clocks.wall_ms - from_ms) / 1000
        words = away_sentence(from_ms, steps.clocks)
        steps.open(PIPELINE_KEY, Cause.PROCESSOR_AWAY, seconds, words, at_ms=from_ms, is_late=True)
        return Cause.PROCESSOR_AWAY

    def note(self, trouble: Trouble | None, flow: Flow, memory: FleetMemory, steps: Steps) -> Cause | None:
        """The cause that is told once these steps are kept."""
        standing, clocks = standing_check(memory, PIPELINE_KEY), steps.clocks
        if self.told is None and (PIPELINE_KEY.rule, PIPELINE_KEY.subject) in memory.unheard(HUB):
            self.told = Cause.PROCESSOR_AWAY  # of nothing else another processor told as history
        if trouble is None or not trouble.is_told(clocks.monotonic_ms):
            if standing is None or flow.steady_since_ms is None:
                return self.told
            seconds = (clocks.wall_ms - standing.since_ms) / 1000
            was_away = self.told is Cause.PROCESSOR_AWAY
            steps.close(PIPELINE_KEY, seconds, flowing_sentence(self.told), is_late=was_away)
            return None
        seconds, words = (clocks.monotonic_ms - trouble.since_ms) / 1000, trouble_sentence(trouble, clocks)
        if standing is None:
            began_ms = clocks.wall_ms - (clocks.monotonic_ms - trouble.since_ms)
            steps.open(PIPELINE_KEY, trouble.cause, seconds, words, at_ms=began_ms)
        elif self.told is None:
            steps.change(standing, Change.RESTATED, seconds, words)  # another processor told, perhaps of another cause
        elif self.told is not trouble.cause:
            drains = trouble.cause is Cause.PROCESSOR_BEHIND and self.told is not Cause.PROCESSOR_AWAY
            steps.change(standing, Change.EASED if drains else Change.WORSENED, seconds, words)
        return trouble.cause
