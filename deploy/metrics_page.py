"""Write docs/metrics.md from what the collectors say of themselves: `python -m deploy.metrics_page`."""

from collections.abc import Iterable
from pathlib import Path

from agent.collectors import COLLECTORS
from agent.collectors.collector import Collector, Fact

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"

INTRODUCTION = """\
# Metrics

A snapshot holds readings: names with numbers, like `cpu.usage_percent` or, with a label,
`disk.usage_percent{mount="/var"}`. The unit is in the name or in the table. Percentages go from 0 to 100.

A rate covers the time since the collection before, however long that was. It is missing, never wrong, at the first
collection, when a device has just appeared, and when a counter was reset. What could not be measured stands in the
snapshot's `errors` with the reason. A host that lacks, even in part, what a rule in force reads is `unknown`, not ok;
a reason that begins with "not offered here" is no lack.

An agent that sees the host's files reports the host. One that runs in a container without them reports the container,
says so in `scope`, and means what the column "In a container" adds. There, a limit set for the container counts as
the whole.

"OpenTelemetry" names the nearest metric of the semantic conventions, with the attributes that select it. There,
utilisation is a ratio from 0 to 1 and counts are running totals.
"""


def metrics_page(collectors: Iterable[Collector]) -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(collector) for collector in collectors)])


def _section(collector: Collector) -> str:
    period = collector.period_seconds
    pace = "At every interval." if period is None else f"Every {period:g} s, or at every interval if that is longer."
    head = "| Name | Unit | Meaning | In a container | OpenTelemetry | Systems |\n|---|---|---|---|---|---|"
    rows = "\n".join(_row(fact) for fact in collector.facts)
    return f"## {collector.name}\n\n{pace}\n\n{head}\n{rows}\n"


def _row(fact: Fact) -> str:
    name = f'{fact.metric}{{{fact.label}="..."}}' if fact.label else fact.metric
    container = fact.in_container or "The same."
    return f"| `{name}` | {fact.unit} | {fact.meaning} | {container} | {fact.opentelemetry} | {fact.platform} |"


if __name__ == "__main__":
    PAGE.write_text(metrics_page(make() for make in COLLECTORS), encoding="utf-8")
    print(f"wrote {PAGE}")
