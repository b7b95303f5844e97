"""Series recorded on a real machine of two cores while several people's test suites ran on it: one sample in 5 s.

`recorded/*.json` hold {"what": ..., "fills": ..., "note": ..., "interval_seconds": 5, "values": [...]}. They are played
60 times slower, a sample in 5 minutes, because the rules look hours back and the recording lasts less than one.
"""

import json
import random
from pathlib import Path

from tests.unit.processor.series.filling import Filling
from tests.unit.processor.series.shapes import HOUR
from tests.unit.processor.series.usual import Usual

FOLDER = Path(__file__).parent / "recorded"
MINUTES_A_SAMPLE = 5


def recorded_fillings() -> list[Filling]:
    """The folder that was filled by random amounts is full when the recording says so; the others never fill up."""
    return [_filling(path) for path in sorted(FOLDER.glob("*_percent.json"))]


def recorded_usuals() -> list[Usual]:
    """The load of one hour, begun at another moment in each hour of five weeks."""
    values: list[float] = json.loads((FOLDER / "load_per_core.json").read_text("utf-8"))["values"]

    def shape(at: int) -> float:
        place = random.Random(at // HOUR).randrange(len(values)) + at % HOUR * 60 // 5
        return values[place % len(values)]

    return [Usual(name="recorded: load per core", shape=shape)]


def _filling(path: Path) -> Filling:
    content = json.loads(path.read_text("utf-8"))
    values: list[float] = content["values"]
    full = next((place * MINUTES_A_SAMPLE for place, value in enumerate(values) if value >= 100), None)
    every_minute: list[float | None] = [None] * (len(values) * MINUTES_A_SAMPLE)
    every_minute[::MINUTES_A_SAMPLE] = [min(value, 100.0) for value in values]
    if content["fills"]:
        return Filling(name=f"recorded: {content['what']}", values=every_minute[:full], full=full)
    return Filling(name=f"recorded: {content['what']}", values=every_minute, note=content["note"])
