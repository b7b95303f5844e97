"""The reading itself."""

from collections.abc import Container, Sequence

from processor.rule_set import Place, Probe


def not_calm(probes: Sequence[Probe], values: Sequence[float], checks: Container[Place]) -> list[tuple[Probe, float]]:
    """The probes with their values, without those within all limits that no check is known of: most, most of the time.

    `values` are all of a snapshot, in the order of its names.
    """
    return [
        (probe, value)
        for probe in probes
        if not probe.calm_from <= (value := values[probe.position]) <= probe.calm_until or probe.place in checks
    ]
