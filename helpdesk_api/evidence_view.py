"""An incident's evidence as its page shows it: each reading before and at the opening, with a line between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.quantities import quantity
from helpdesk_api.words import NOT_REPORTED
from store.check_outputs import CheckOutput
from store.evidence import BlackBox
from store.snapshots import Point

MOST_READINGS = 12
LINE_WIDTH, LINE_HEIGHT = 160, 24


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """`points` are those of a polyline in a box of LINE_WIDTH by LINE_HEIGHT, empty when there is nothing to draw."""

    name: str
    before: str
    at_opening: str
    points: str


def of_box(box: BlackBox) -> list[ReadingLine]:
    """The readings of a black box in the agent's order."""
    times = [-(sample[0] or 0.0) for sample in box.samples]
    columns = [[sample[place] for sample in box.samples] for place in range(1, len(box.names) + 1)]
    pairs = zip(box.names[:MOST_READINGS], columns, strict=False)
    return [_line(name, list(zip(times, values, strict=True))) for name, values in pairs]


def of_history(name: str, points: Sequence[Point]) -> list[ReadingLine]:
    """The same from the stored snapshots, where the agent sent no black box."""
    return [_line(name, [(float(point.time_ms), point.max) for point in points])] if points else []


@dataclass(frozen=True, slots=True)
class Written:
    """What a check wrote below its first line, which is the incident's sentence."""

    at_ms: int
    lines: Sequence[str]


def of_outputs(outputs: Sequence[CheckOutput]) -> list[Written]:
    """Those that have more than the first line."""
    below = ((one.at_ms, one.output.splitlines()[1:]) for one in outputs)
    return [Written(at_ms, lines) for at_ms, lines in below if lines]


def line_points(series: Sequence[tuple[float, float]]) -> str:
    """Times and values, rising in time, as the points of a polyline: high values on top."""
    if len(series) < 2:
        return ""
    first, last = series[0][0], series[-1][0]
    values = [value for _, value in series]
    low, high = min(values), max(values)
    width, height = last - first or 1.0, high - low or 1.0
    return " ".join(
        f"{(at - first) / width * LINE_WIDTH:.1f},{(high - value) / height * (LINE_HEIGHT - 2) + 1:.1f}"
        for at, value in series
    )


def _line(name: str, series: Sequence[tuple[float, float | None]]) -> ReadingLine:
    known = [(at, value) for at, value in series if value is not None]
    metric = name.partition("{")[0]
    before, at_opening = (quantity(metric, known[place][1]) if known else NOT_REPORTED for place in (0, -1))
    return ReadingLine(name, before, at_opening, line_points(known))
