"""The hub's incidents about whole groups that fell silent: opened, reworded and closed."""

from collections.abc import Mapping

from processor.findings import GROUP_SILENT
from processor.memory import FleetMemory
from processor.silence.family import Family
from processor.silence.steps import Steps
from store.model import HUB, Change, CheckKey


def tell_families(families: Mapping[str, Family], memory: FleetMemory, steps: Steps) -> None:
    """`families` of agents, in the words to be told."""
    standing = {place: check for place, check in memory.findings(HUB).items() if place[0] == GROUP_SILENT.rule}
    present = {(family.key.rule, family.key.subject): family for family in families.values()}
    for place, family in present.items():
        if place not in standing:
            steps.open(family.key, "uplink" if family.is_uplink else "shared", family.silent, family.sentence)
        elif family.silent > standing[place].value:
            steps.change(standing[place], Change.RESTATED, family.silent, family.sentence)
    for place in standing.keys() - present.keys():
        steps.close(CheckKey(HUB, *place), 0.0, "most of its agents are heard again")
