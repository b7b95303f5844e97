"""The account, the queue and the fleet in Prometheus' text format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from health.state import State
from helpdesk_api.queue_gauge import QueueLook
from store.delivery import Sums
from store.quarantine import QuarantineTotal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is exported. `unsettled` holds (agent id, in transit, unexplained) for each agent.

    `punctual` holds (agent id, share of its reports that came in time) for each that had any due.
    """

    sums: Sums
    unsettled: Sequence[tuple[str, int, int]]
    queue: QueueLook | None
    queue_age_seconds: float | None
    quarantine: QuarantineTotal
    agents_by_state: Mapping[State, int]
    punctual: Sequence[tuple[str, float]] = ()


def metrics_text(figures: Figures) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(figures))
    return generate_latest(registry)


class _Collected:
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        yield from _records(self._figures)
        yield from _per_agent(self._figures)
        yield from _queue(self._figures)
        yield from _quarantine(self._figures.quarantine)
        states = GaugeMetricFamily("healthmon_agents", "Agents by state.", labels=["state"])
        for state in State:
            states.add_metric([state.value], self._figures.agents_by_state.get(state, 0))
        yield states


def _records(figures: Figures) -> Iterator[Metric]:
    sums = figures.sums
    yield _counter("records_assigned", "Numbers that agents gave to records.", sums.assigned)
    yield _counter("records_stored", "Records in the database.", sums.stored)
    yield _counter("records_duplicates", "Copies that came again and were absorbed.", sums.duplicates)
    declared = CounterMetricFamily(
        "healthmon_records_declared", "Records that their agents named as lost, by reason.", labels=["reason"]
    )
    for lost in sums.declared_by_reason:
        declared.add_metric([lost.reason], lost.records)
    yield declared
    yield _gauge("records_quarantined", "Records that came and could not be taken in.", sums.quarantined)
    yield _gauge("records_in_transit", "Records that agents or the broker have.", sums.in_transit)
    yield _gauge("records_unexplained", "Records that nobody has and nobody named as lost.", sums.unexplained)


def _per_agent(figures: Figures) -> Iterator[Metric]:
    transit = GaugeMetricFamily("healthmon_agent_records_in_transit", "Records in transit.", labels=["agent"])
    unexplained = GaugeMetricFamily("healthmon_agent_records_unexplained", "Records unexplained.", labels=["agent"])
    for agent_id, in_transit, lacking in figures.unsettled:
        transit.add_metric([agent_id], in_transit)
        unexplained.add_metric([agent_id], lacking)
    yield transit
    yield unexplained
    punctual = GaugeMetricFamily(
        "healthmon_agent_punctual_ratio", "Share of the last 5 minutes' reports that came in time.", labels=["agent"]
    )
    for agent_id, ratio in figures.punctual:
        punctual.add_metric([agent_id], ratio)
    yield punctual


def _queue(figures: Figures) -> Iterator[Metric]:
    """What nobody knows is absent."""
    if figures.queue is not None:
        yield _gauge("queue_messages", "Messages that wait for the processor, ready ones only.", figures.queue.depth)
        yield _gauge("queue_consumers", "Processors that take messages or stand by.", figures.queue.consumers)
    if figures.queue_age_seconds is not None:
        yield _gauge("queue_age_seconds", "About how old the oldest waiting message is.", figures.queue_age_seconds)


def _quarantine(total: QuarantineTotal) -> Iterator[Metric]:
    yield _gauge("quarantine_messages", "Messages that could not be taken in.", total.entries)
    yield _counter("quarantine_dropped", "Entries that went because there were too many.", total.dropped)


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"healthmon_{name}", told, value=value)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"healthmon_{name}", told, value=value)
