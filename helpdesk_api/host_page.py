"""The tables of a host's page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.quantities import quantity, size
from rabbitmq.readings import parse_reading_name


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A reading: its metric, what it is of (the values of its labels), its value with unit."""

    metric: str
    of: str
    value: str


def readings_table(readings: Mapping[str, float]) -> list[ReadingRow]:
    return [_reading_row(name, value) for name, value in sorted(readings.items())]


def lacking_table(errors: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was not measured, each with why."""
    return [(" ".join(split_name(part)).strip(), why) for part, why in sorted(errors.items())]


def system_table(raw: bytes) -> list[tuple[str, str]]:
    """The host's facts in the order people ask for them; what the agent did not tell is left out."""
    system: dict[str, Any] = json.loads(raw)
    processor = system.get("processor") or {}
    memory = system.get("memory_total_bytes")
    facts = (
        ("Operating system", system.get("operating_system")),
        ("Kernel", system.get("kernel")),
        ("Architecture", system.get("architecture")),
        ("Processor", processor.get("model")),
        ("Cores", processor.get("logical_cores")),
        ("Memory", None if memory is None else size(memory)),
        ("Disks", ", ".join(_disk(disk) for disk in system.get("disks") or [])),
        ("Addresses", ", ".join(_addresses(system))),
    )
    return [(name, str(value)) for name, value in facts if value]


def split_name(name: str) -> tuple[str, str]:
    """A reading's metric and what it is of; a malformed name is shown as it came."""
    try:
        metric, labels = parse_reading_name(name)
    except ValueError:
        return name, ""
    return metric, ", ".join(labels.values())


def _reading_row(name: str, value: float) -> ReadingRow:
    metric, of = split_name(name)
    return ReadingRow(metric, of, quantity(metric, value))


def _disk(disk: Mapping[str, Any]) -> str:
    size_bytes = disk.get("size_bytes")
    return disk["name"] if size_bytes is None else f"{disk['name']} {size(size_bytes)}"


def _addresses(system: Mapping[str, Any]) -> list[str]:
    return [
        f"{interface['name']} {address}"
        for interface in system.get("interfaces") or []
        for address in interface.get("addresses") or []
    ]
