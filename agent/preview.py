"""The readings of a snapshot as they would be sent, for those who want to see them first: `healthmon-agent snapshot`.

Active checks are not run, and what travels besides snapshots (the hello, evidence) is not shown.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.collectors.collection import Running, collect_all
from agent.host import Host, boot_seconds
from agent.identity import known_agent_id
from agent.metric_groups import off
from agent.settings import Settings
from agent.stamp import Stamper
from console.text import escape
from rabbitmq.records import Snapshot

UNNUMBERED = 1  # a preview takes no number


def preview(settings: Settings, host: Host, collectors: Sequence[Running], *, pause: Callable[[], None]) -> Snapshot:
    """Two collections with a pause between them, since rates need two; the second is shown."""
    first, _ = collect_all(collectors, host, boot_seconds())
    pause()
    readings, errors = collect_all(collectors, host, boot_seconds())
    stamp = Stamper(known_agent_id(Path(settings.state_dir)) or "not-yet-started", host.boot_id())
    return Snapshot(
        **stamp(UNNUMBERED, UNNUMBERED),
        readings=first | readings,
        interval_seconds=settings.interval_seconds,
        scope=host.scope,
        errors=errors,
        switched_off=off(settings.collectors),
    )


def preview_lines(snapshot: Snapshot) -> list[str]:
    """A line per reading, then what could not be measured. Safe to print, whatever a label or an error holds."""
    readings = {escape(name): value for name, value in snapshot.readings.items()}
    width = max(map(len, readings), default=0)
    return [
        *(f"{name:<{width}}  {value:.15g}" for name, value in sorted(readings.items())),
        *(escape(f"{name} not measured: {why}") for name, why in sorted(snapshot.errors.items())),
        f"{len(snapshot.readings)} readings of this {snapshot.scope}; --json shows them as they travel",
    ]
