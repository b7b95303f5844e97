"""The rules a host judges itself by: those of the hub, bound to the readings that it has."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agent.local_rules import MOST_REMEMBERED_NAMES, RULES_FILE, RuleSet, check_name, load_rules
from deploy.agent_rules import RULES_FOLDER, CannotBeGiven, agent_rules
from health.rule import Level
from health.state import State
from tests.unit.agent.local import CPU_RULE, DISK, DISK_PLACE, DISK_RULE, RULES

ONE_RULE = yaml.safe_load((RULES_FOLDER / "cpu.yaml").read_text("utf-8"))[0]


def written(folder: Path, **changes: object) -> Path:
    (folder / "x.yaml").write_text(yaml.safe_dump([ONE_RULE | changes]), "utf-8")
    return folder


def test_the_file_is_what_the_hubs_rules_make() -> None:
    assert RULES_FILE.read_bytes() == agent_rules(), "run: python -m deploy.agent_rules"


def test_the_file_holds_limits_and_words() -> None:
    disk = next(rule for rule in load_rules() if rule.rule_id == "disk-usage")
    assert disk.levels[State.CRITICAL] == Level(limit=95.0, clear=92.0)
    assert disk.patience.hold_ms == 10_000
    assert "{mount}" in disk.sentence


def test_other_kinds_are_left_out(tmp_path: Path) -> None:
    assert b"cpu-usage" not in agent_rules(written(tmp_path, kind="fleet"))
    assert b"cpu-usage" in agent_rules(written(tmp_path, kind="threshold"))


def test_a_rule_is_not_given_with_a_part_left_out(tmp_path: Path) -> None:
    with pytest.raises(CannotBeGiven, match="cpu-usage: agents do not know moonphase"):
        agent_rules(written(tmp_path, moonphase="full"))


def test_a_reading_is_bound_to_its_rule_with_the_hubs_subject() -> None:
    ((bound, value),) = RULES.bound({DISK: 12.0, "uptime.seconds": 1.0, "disk{": 3.0})
    assert (bound.place, bound.name, value) == (DISK_PLACE, "disk /", 12.0)
    assert bound.labels == {"mount": "/"}


def test_what_is_calm_depends_on_which_side_is_bad() -> None:
    low_is_bad = replace(DISK_RULE, sign=-1, levels={State.WARNING: Level(limit=10.0, clear=12.0)})
    ((bound, _),) = RuleSet([low_is_bad]).bound({DISK: 50.0})
    assert (50.0 * bound.sign <= bound.calm_until, 5.0 * bound.sign <= bound.calm_until) == (True, False)


def test_a_rule_of_another_group_does_not_hold_here() -> None:
    rules = [replace(CPU_RULE, groups=("web",)), DISK_RULE]
    assert set(RuleSet(rules, "db").by_id) == {"disk-usage"}
    assert set(RuleSet(rules, "web").by_id) == {"cpu-usage", "disk-usage"}


def test_a_host_with_ever_new_names_does_not_fill_the_memory() -> None:
    rules = RuleSet([CPU_RULE])
    for number in range(MOST_REMEMBERED_NAMES + 10):
        list(rules.bound({f"custom.number_{number}": 1.0}))
    assert len(rules._remembered) <= MOST_REMEMBERED_NAMES


@pytest.mark.parametrize(
    ("rule_id", "labels", "name"),
    [("cpu-usage", [], "cpu"), ("disk-usage", ["/"], "disk /"), ("disk-inodes", ["/var"], "disk inodes /var")],
)
def test_names_for_people(rule_id: str, labels: list[str], name: str) -> None:
    assert check_name(rule_id, labels) == name
