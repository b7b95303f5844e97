"""How the processor refuses to start."""

import subprocess
import sys

import pytest


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "processor"], env=settings, capture_output=True, text=True, timeout=60, check=False
    )


def test_bad_settings_stop_it_at_once_and_are_all_named() -> None:
    ended = start(
        HEALTHMON_RABBITMQ_PORT="many",
        HEALTHMON_RETENTION_HOURS="-1",
        HEALTHMON_RABBITMQ_PASSWORD_FILE="/no",
        LOG_LEVEL="LOUD",
    )
    assert ended.returncode == 2
    for name in (
        "HEALTHMON_RABBITMQ_PORT",
        "HEALTHMON_RETENTION_HOURS",
        "HEALTHMON_RABBITMQ_PASSWORD_FILE",
        "LOG_LEVEL",
    ):
        assert name in ended.stdout


@pytest.mark.parametrize(
    "name", ["HEALTHMON_RABBITMQ_PASSWORD", "HEALTHMON_DATABASE_PASSWORD", "HEALTHMON_DATABASE_URL"]
)
def test_a_secret_is_never_repeated(name: str) -> None:
    ended = start(**{name: "s3cret-value", "HEALTHMON_RABBITMQ_PORT": "many"})
    assert ended.returncode == 2
    assert "s3cret-value" not in ended.stdout + ended.stderr


def test_a_database_that_is_none_is_a_configuration_error() -> None:
    ended = start(HEALTHMON_DATABASE_URL="mysql://db.example/x")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "HEALTHMON_DATABASE_URL" in ended.stdout
    assert "sqlite, postgresql" in ended.stdout


def test_a_folder_of_rules_that_is_not_there_is_a_configuration_error() -> None:
    ended = start(HEALTHMON_RULES_DIR="/no/such/folder")
    assert ended.returncode == 2
    assert "HEALTHMON_RULES_DIR" in ended.stdout
