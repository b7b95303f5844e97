"""What `python -m rabbitmq setup` takes from the environment, how it waits, and what it finds different."""

import logging
from pathlib import Path

import pytest

from rabbitmq import setup
from rabbitmq.declare import queue_differences
from rabbitmq.management import BrokerUnavailable
from rabbitmq.setup import BadSettings, SetupSettings, read_settings, wait_and_set_up
from rabbitmq.topology import AGENT_USER, PROCESSOR_USER, QUEUE_ARGUMENTS


def test_without_settings_each_account_has_its_name_as_password() -> None:
    settings = read_settings({})
    assert settings.management.password == "guest"
    assert settings.passwords[AGENT_USER] == AGENT_USER


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    settings = read_settings({"HEALTHMON_PROCESSOR_PASSWORD_FILE": str(tmp_path / "secret")})
    assert settings.passwords[PROCESSOR_USER] == "from a file"


def test_all_problems_are_reported_together() -> None:
    environment = {"HEALTHMON_RABBITMQ_MANAGEMENT_PORT": "http", "HEALTHMON_AGENT_PASSWORD_FILE": "/no/such/file"}
    with pytest.raises(BadSettings) as problems:
        read_settings(environment)
    assert "HEALTHMON_RABBITMQ_MANAGEMENT_PORT is 'http'" in str(problems.value)
    assert "HEALTHMON_AGENT_PASSWORD_FILE: /no/such/file" in str(problems.value)


def test_no_secret_is_in_a_representation() -> None:
    settings = read_settings({"HEALTHMON_RABBITMQ_ADMIN_PASSWORD": "hunter2", "HEALTHMON_AGENT_PASSWORD": "hunter3"})
    assert "hunter" not in repr(settings)


def test_it_waits_for_the_broker_with_longer_pauses_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([True] * 6 + [False])

    def unavailable_six_times(_: SetupSettings) -> None:
        if next(answers):
            raise BrokerUnavailable("nobody there")

    monkeypatch.setattr(setup, "set_up", unavailable_six_times)
    pauses: list[float] = []
    with caplog.at_level(logging.INFO):
        wait_and_set_up(read_settings({}), pauses.append)
    assert pauses == [0.5, 1, 2, 4, 5, 5]
    assert caplog.messages == ["waiting for the broker: nobody there"]


def test_the_wanted_queue_has_no_differences() -> None:
    assert queue_differences({"durable": True, "auto_delete": False, "arguments": QUEUE_ARGUMENTS}) == []


def test_differences_are_named_whether_changed_missing_or_added() -> None:
    arguments = {**QUEUE_ARGUMENTS, "x-overflow": "drop-head", "x-expires": 5}
    del arguments["x-queue-type"]
    assert queue_differences({"durable": False, "auto_delete": False, "arguments": arguments}) == [
        "durable is False, wanted True",
        "x-expires is 5, wanted absent",
        "x-overflow is drop-head, wanted reject-publish",
        "x-queue-type is absent, wanted quorum",
    ]
