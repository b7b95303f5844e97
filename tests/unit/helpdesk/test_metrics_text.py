"""What Prometheus reads: its own parser takes it, and every figure is there under its name."""

import subprocess
import sys
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from health.state import State
from helpdesk_api.metrics_text import Figures, metrics_text
from helpdesk_api.queue_gauge import QueueLook
from store.delivery import ReasonSum, Sums
from store.quarantine import QuarantineTotal

LOST = (ReasonSum(reason="full", ranges=2, records=10), ReasonSum(reason="age", ranges=1, records=2))
FIGURES = Figures(
    sums=Sums(
        assigned=100,
        stored=80,
        quarantined=1,
        declared=12,
        in_transit=5,
        unexplained=2,
        duplicates=7,
        declared_by_reason=LOST,
    ),
    unsettled=[("web-3", 5, 2)],
    queue=QueueLook(depth=40, consumers=1),
    queue_age_seconds=12.5,
    quarantine=QuarantineTotal(entries=1, bodies=1, body_bytes=9, dropped=4),
    agents_by_state={State.OK: 3},
    punctual=[("web-3", 0.975)],
)


def samples(figures: Figures) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics_text(figures).decode())
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_every_figure_has_its_name() -> None:
    found = samples(FIGURES)
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        ("healthmon_records_assigned_total", ()): 100,
        ("healthmon_records_stored_total", ()): 80,
        ("healthmon_records_duplicates_total", ()): 7,
        ("healthmon_records_declared_total", ("full",)): 10,
        ("healthmon_records_declared_total", ("age",)): 2,
        ("healthmon_records_quarantined", ()): 1,
        ("healthmon_records_in_transit", ()): 5,
        ("healthmon_records_unexplained", ()): 2,
        ("healthmon_agent_records_in_transit", ("web-3",)): 5,
        ("healthmon_agent_records_unexplained", ("web-3",)): 2,
        ("healthmon_agent_punctual_ratio", ("web-3",)): 0.975,
        ("healthmon_queue_messages", ()): 40,
        ("healthmon_queue_consumers", ()): 1,
        ("healthmon_queue_age_seconds", ()): 12.5,
        ("healthmon_quarantine_messages", ()): 1,
        ("healthmon_quarantine_dropped_total", ()): 4,
        **{("healthmon_agents", (state.value,)): 3.0 if state is State.OK else 0.0 for state in State},
    }
    assert found == expected


def test_what_nobody_knows_is_absent_and_not_zero() -> None:
    names = {name for name, _ in samples(replace(FIGURES, queue=None, queue_age_seconds=None))}
    assert not [name for name in names if name.startswith("healthmon_queue")]


def test_every_metric_has_help_and_type() -> None:
    for family in text_string_to_metric_families(metrics_text(FIGURES).decode()):
        assert family.documentation
        assert family.type in ("counter", "gauge")


def test_the_help_desk_starts_without_loading_it() -> None:
    program = "import sys, helpdesk_api.main; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
