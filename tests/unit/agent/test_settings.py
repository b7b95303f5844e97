"""Settings: defaults, file, environment; every problem at once, no secret in any text."""

import json
from pathlib import Path

import pytest

from agent.settings import ConfigError, load_settings

SECRET = "hunter2-secret"


def agent_file(folder: Path, text: str) -> dict[str, str]:
    file = folder / "agent.toml"
    file.write_text(text)
    return {"HEALTHMON_AGENT_FILE": str(file)}


def test_defaults() -> None:
    settings = load_settings({})
    assert (settings.rabbitmq_user, settings.rabbitmq_password) == ("healthmon-agent", "healthmon-agent")
    assert (settings.interval_seconds, settings.name) == (5.0, None)
    assert str(settings.broker) == "127.0.0.1:5672"


def test_the_environment_stands_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    environment = agent_file(tmp_path, 'rabbitmq_host = "file"\nrabbitmq_port = 5673\ninterval_seconds = 10\n')
    settings = load_settings(environment | {"HEALTHMON_RABBITMQ_HOST": "environment", "HEALTHMON_NAME": "web-3"})
    assert str(settings.broker) == "environment:5673"
    assert (settings.interval_seconds, settings.name) == (10.0, "web-3")


def test_an_empty_variable_is_no_setting() -> None:
    assert load_settings({"HEALTHMON_NAME": "", "HEALTHMON_RABBITMQ_PORT": ""}).rabbitmq_port == 5672


def test_all_problems_are_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    environment = agent_file(tmp_path, 'rabbitmq_port = "5672"\ncolour = "red"\n')
    environment |= {"HEALTHMON_INTERVAL_SECONDS": "0.5", "HEALTHMON_RABBITMQ_PASSWORD_FILE": str(tmp_path / "none")}
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    problems = caught.value.problems
    assert len(problems) == 4
    for words in (
        ("agent.toml: rabbitmq_port", "int"),
        ("agent.toml: colour is no setting", "interval_seconds"),
        ("environment: HEALTHMON_INTERVAL_SECONDS", ">= 1"),
        ("rabbitmq_password_file", "none cannot be read"),
    ):
        assert any(all(word in problem for word in words) for problem in problems), (words, problems)


@pytest.mark.parametrize(("seconds", "is_good"), [("0.9", False), ("1", True), ("300", True), ("301", False)])
def test_the_interval_is_1_to_300_seconds(seconds: str, is_good: bool) -> None:
    environment = {"HEALTHMON_INTERVAL_SECONDS": seconds}
    if is_good:
        assert load_settings(environment).interval_seconds == float(seconds)
    else:
        with pytest.raises(ConfigError):
            load_settings(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SPOOL_MAX_MIB", "0"), ("SPOOL_MAX_MIB", "65537"), ("SPOOL_MAX_MIB", "1.5"), ("SPOOL_MAX_DAYS", "0")],
)
def test_the_spool_is_bounded(name: str, value: str) -> None:
    assert (load_settings({}).spool_max_mib, load_settings({}).spool_max_days) == (64, 7.0)
    assert load_settings({"HEALTHMON_SPOOL_MAX_MIB": "65536"}).spool_max_mib == 65536
    with pytest.raises(ConfigError, match=name):
        load_settings({f"HEALTHMON_{name}": value})


def test_a_named_file_must_be_there_and_readable_as_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file"):
        load_settings({"HEALTHMON_AGENT_FILE": str(tmp_path / "none.toml")})
    with pytest.raises(ConfigError, match=r"agent\.toml: .*line 1"):
        load_settings(agent_file(tmp_path, "this is not toml"))


def test_the_password_comes_from_a_file_and_shows_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = load_settings({"HEALTHMON_RABBITMQ_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.broker.password == SECRET
    assert SECRET not in repr(settings) + str(settings) + repr(settings.broker)


def test_a_problem_never_quotes_a_value(tmp_path: Path) -> None:
    environment = agent_file(tmp_path, f'rabbitmq_password = ["{SECRET}"]\n') | {"HEALTHMON_RABBITMQ_PORT": SECRET}
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    assert len(caught.value.problems) == 2
    assert SECRET not in str(caught.value)


def test_an_empty_password_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        load_settings({"HEALTHMON_RABBITMQ_PASSWORD_FILE": str(tmp_path / "password")})


def test_the_longest_wait_between_two_tries_is_a_minute_unless_told_otherwise() -> None:
    assert load_settings({}).reconnect_max_seconds == 60
    assert load_settings({"HEALTHMON_RECONNECT_MAX_SECONDS": "300"}).reconnect_max_seconds == 300
    with pytest.raises(ConfigError, match="HEALTHMON_RECONNECT_MAX_SECONDS"):
        load_settings({"HEALTHMON_RECONNECT_MAX_SECONDS": "301"})


@pytest.mark.parametrize(
    ("group", "is_good"),
    [*((good, True) for good in ("web", "eu/web", "...", "")), *((bad, False) for bad in (".", "..", "a\n", "\x1b"))],
)
def test_a_group_is_called_what_an_address_can_name(tmp_path: Path, group: str, is_good: bool) -> None:
    environment = agent_file(tmp_path, f"group = {json.dumps(group)}\n")
    if is_good:
        assert load_settings(environment).group == group
    else:
        with pytest.raises(ConfigError, match=r"agent\.toml: group: expected .* neither \. nor \.\.\."):
            load_settings(environment)


def test_what_no_record_can_hold_is_refused_with_its_place(tmp_path: Path) -> None:
    environment = agent_file(tmp_path, 'name = "web\\u0000"\n[labels]\nroom = "a\\u0000b"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(environment | {"HEALTHMON_GROUP": "caf\udce9", "HEALTHMON_RABBITMQ_PASSWORD": f"{SECRET}\udce9"})
    name, labels, *others = sorted(caught.value.problems, key=lambda problem: "environment" in problem)
    assert name.endswith("agent.toml: name: holds the character U+0000; write it as UTF-8 text.")
    assert labels.endswith("agent.toml: labels: holds the character U+0000; write it as UTF-8 text.")
    assert "environment: HEALTHMON_GROUP: holds bytes that are no UTF-8; write it as UTF-8 text." in others
    assert len(others) == 2
    assert SECRET not in str(caught.value)
