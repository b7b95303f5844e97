"""The metric groups that settings or the server choose: names that are known, in force at once, kept over restarts."""

from pathlib import Path

import pytest

from agent.collectors import all_collectors, switched
from agent.collectors.collection import Running
from agent.collectors.disk import Disk
from agent.custom_collectors import CustomCollectors
from agent.metric_groups import COLLECTORS_FILE, BadChoice, MetricGroups, choice, off
from agent.settings import ConfigError, load_settings
from rabbitmq.readings import METRIC_GROUPS, metric_group


def problems(environment: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    return caught.value.problems


def in_file(folder: Path, text: str) -> dict[str, str]:
    (folder / "agent.toml").write_text(text)
    return {"HEALTHMON_AGENT_FILE": str(folder / "agent.toml")}


def test_each_group_is_one_collector_and_its_metrics_name_it() -> None:
    collectors = [running.collector for running in all_collectors("linux")]
    assert tuple(collector.name for collector in collectors) == METRIC_GROUPS
    assert {(c.name, metric_group(fact.metric)) for c in collectors for fact in c.facts} == {
        (name, name) for name in METRIC_GROUPS
    }
    assert metric_group("custom.answer_seconds") == metric_group("custom") == "custom"


def test_all_are_on_unless_the_file_or_the_environment_chooses(tmp_path: Path) -> None:
    assert load_settings({}).collectors == METRIC_GROUPS
    environment = in_file(tmp_path, 'collectors = ["memory", "cpu"]\n')
    assert load_settings(environment).collectors == ("cpu", "memory")
    environment["HEALTHMON_COLLECTORS"] = "disk, uptime"
    assert load_settings(environment).collectors == ("disk", "uptime")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('["cpu", "gpu"]', "agent.toml: collectors: 'gpu' is no metric group. Known are cpu, load, memory, swap,"),
        ("[]", "agent.toml: collectors: name one at least. Known are cpu, load,"),
        ('"cpu"', "agent.toml: collectors: give a list of names. Known are cpu,"),
        ("[1]", "agent.toml: collectors: give a list of names. Known are cpu,"),
    ],
)
def test_a_bad_choice_stops_the_start_with_file_key_and_names(tmp_path: Path, written: str, words: str) -> None:
    [problem] = problems(in_file(tmp_path, f"collectors = {written}\n"))
    assert words in problem


@pytest.mark.parametrize("written", ["gpu", ",", " , "])
def test_a_bad_choice_of_the_environment_is_named(written: str) -> None:
    [problem] = problems({"HEALTHMON_COLLECTORS": written})
    assert problem.startswith("environment: HEALTHMON_COLLECTORS: ")
    assert problem.endswith("processes, uptime.")


def test_what_was_told_outlives_the_agent_until_it_is_taken_back(tmp_path: Path) -> None:
    groups = MetricGroups(tmp_path, METRIC_GROUPS)
    groups.tell(("cpu",))
    again = MetricGroups(tmp_path, ("cpu", "disk"))
    assert (groups.now, again.now, again.is_told) == (("cpu",), ("cpu",), True)
    assert again.switched_off == off(("cpu",)) == [name for name in METRIC_GROUPS if name != "cpu"]
    again.tell(None)
    assert (again.now, MetricGroups(tmp_path, METRIC_GROUPS).now) == (("cpu", "disk"), METRIC_GROUPS)


@pytest.mark.parametrize(
    "content",
    ["", '{"schema":"agent-collectors/1","collectors":[]}', '{"schema":"agent-collectors/1","collectors":["gpu"]}'],
)
def test_a_file_that_says_nothing_usable_is_as_none(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / COLLECTORS_FILE).write_text(content)
    assert MetricGroups(tmp_path, ("cpu",)).now == ("cpu",)
    assert "the collectors are those of the settings" in caplog.text


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path) -> None:
    groups = MetricGroups(tmp_path / "not-there", METRIC_GROUPS)
    with pytest.raises(OSError, match="No such file"):
        groups.tell(("cpu",))
    assert groups.now == METRIC_GROUPS


def test_repeated_names_are_one() -> None:
    assert choice(["swap", "cpu", "swap"]) == ("cpu", "swap")
    with pytest.raises(BadChoice):
        choice(None)


def test_what_stays_goes_on_what_ends_is_closed_and_what_begins_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(Disk, "close", lambda self: closed.append(self.name))
    custom = Running(CustomCollectors([], {}))
    before = [*all_collectors(), custom]
    less = switched(before, METRIC_GROUPS, ("cpu", "memory"))
    assert less == [before[0], before[2], custom]
    assert closed == ["disk"]
    more = switched(less, ("cpu", "memory"), ("cpu", "disk"))
    assert [running.collector.name for running in more] == ["cpu", "custom", "disk"]
    assert more[0] is before[0]
    assert more[2].collector is not before[4].collector
