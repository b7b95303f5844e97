"""An imagined host looks like a true one in good health, and each trouble looks like itself."""

from itertools import pairwise
from random import Random

import pytest

from agent.collectors import COLLECTORS
from processor.rule import Kind, Rule
from processor.rule_files import load_rules
from rabbitmq.readings import parse_reading_name
from simulator.levels import HIGHEST, CalmHost, Levels
from simulator.readings import readings, system
from simulator.trouble import RISE_SECONDS, SWING_SECONDS, TROUBLES

A_DAY_OF_REPORTS = 2_880  # one each 30 s


def a_day(seed: str) -> list[Levels]:
    host = CalmHost(Random(seed))
    return [host.step() for _ in range(A_DAY_OF_REPORTS)]


def limits_of(rule: Rule) -> list[float]:
    return [level.limit for level in rule.levels.values()]


def crossed(levels: Levels) -> set[str]:
    """The rules whose limit a report with these levels exceeds."""
    measured = readings(levels, 1.0)
    named = [(parse_reading_name(name)[0], value) for name, value in measured.items()]
    return {
        rule.rule_id
        for rule in load_rules()
        if rule.kind is Kind.THRESHOLD
        and any(metric == rule.metric and value > min(limits_of(rule)) for metric, value in named)
    }


def troubled(kind: str, age_seconds: float) -> Levels:
    return TROUBLES[kind].change(Levels(cpu=20, memory=40, root=30, var=30), age_seconds)


def test_a_host_reports_what_the_collectors_report() -> None:
    known = {fact.metric for make in COLLECTORS for fact in make().facts}
    measured = readings(CalmHost(Random("1")).step(), 1.0)
    assert {parse_reading_name(name)[0] for name in measured} == known
    assert len(measured) == 62


def test_bytes_and_percent_agree() -> None:
    measured = readings(Levels(cpu=10, memory=50, root=25, var=100), 1.0)
    for what, percent in (("disk", 'usage_percent{mount="/"}'), ("disk", 'usage_percent{mount="/var"}')):
        mount = percent.partition("{")[2]
        share = measured[f"{what}.used_bytes{{{mount}"] / measured[f"{what}.total_bytes{{{mount}"]
        assert share * 100 == pytest.approx(measured[f"{what}.{percent}"])
    assert measured["memory.used_bytes"] + measured["memory.available_bytes"] == measured["memory.total_bytes"]
    modes = [value for name, value in measured.items() if name.startswith("cpu.mode_percent")]
    assert sum(modes) == pytest.approx(100)
    assert all(value >= 0 for value in measured.values())


def test_the_same_seed_is_the_same_host_and_another_one_is_another() -> None:
    assert a_day("1-1") == a_day("1-1")
    assert a_day("1-1")[0] != a_day("1-2")[0]


def test_a_healthy_day_moves_slowly() -> None:
    day = a_day("1-1")
    assert max(abs(one.memory - next_one.memory) for one, next_one in pairwise(day)) < 3
    assert max(abs(one.var - next_one.var) for one, next_one in pairwise(day)) < 0.5
    assert len({round(levels.cpu) for levels in day}) > 10


def test_a_healthy_fleet_crosses_no_limit() -> None:
    hosts = [CalmHost(Random(f"1-{number}")) for number in range(100)]
    reports = [host.step() for host in hosts for _ in range(500)]
    busiest = max(reports, key=lambda levels: levels.cpu)
    fullest = max(reports, key=lambda levels: levels.memory)
    assert crossed(busiest) == crossed(fullest) == set()
    assert busiest.cpu == HIGHEST


@pytest.mark.parametrize(
    ("kind", "rule_id"),
    [("disk-full", "disk-usage"), ("memory-pressure", "memory-usage"), ("cpu-burn", "cpu-usage")],
)
def test_a_trouble_crosses_the_limit_of_its_rule(kind: str, rule_id: str) -> None:
    assert rule_id in crossed(troubled(kind, RISE_SECONDS))
    assert "disk-usage" not in crossed(troubled("disk-full", 0.0))


def test_a_full_disk_is_full() -> None:
    measured = readings(troubled("disk-full", RISE_SECONDS), 1.0)
    assert measured['disk.usage_percent{mount="/var"}'] == 100
    assert measured['disk.free_bytes{mount="/var"}'] == 0
    assert measured['disk.usage_percent{mount="/"}'] == 30


def test_flapping_crosses_the_limit_and_goes_below_where_it_clears() -> None:
    (rule,) = [rule for rule in load_rules() if rule.rule_id == "disk-usage"]
    swings = [troubled("flapping", SWING_SECONDS * number).var for number in range(4)]
    assert [value > min(limits_of(rule)) for value in swings] == [True, False, True, False]
    assert all(value < 80 or value > min(limits_of(rule)) for value in swings)


def test_the_hello_describes_the_disks_that_are_reported() -> None:
    described = system("sim-1-0001", 0.0)
    measured = readings(CalmHost(Random("1")).step(), 1.0)
    for place in described.filesystems:
        assert measured[f'disk.total_bytes{{mount="{place.mount}"}}'] == place.size_bytes
    assert measured["memory.total_bytes"] == described.memory_total_bytes
