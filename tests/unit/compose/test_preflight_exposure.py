"""What may be published where, and what people are told when it may not."""

from pathlib import Path

import pytest

from deploy.preflight.exposure import (
    ADMIN_PASSWORD,
    DATABASE_PASSWORD,
    bind_address,
    is_exposed,
    passwords_in_default,
    refusal,
)
from rabbitmq.setup import PASSWORD_VARIABLES, BadSettings

BROKER_VARIABLES = [ADMIN_PASSWORD, *PASSWORD_VARIABLES.values()]
RANDOM = dict.fromkeys([*BROKER_VARIABLES, DATABASE_PASSWORD], "Zx8-random")
COMMANDS = {"up": "docker-compose up -d", "healthmon": "docker-compose exec helpdesk healthmon"}


@pytest.mark.parametrize("bind", ["", "127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_this_machine_only_is_not_exposed(bind: str) -> None:
    assert not is_exposed({"HEALTHMON_BIND": bind})


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.7", "monitor.example.org"])  # noqa: S104
def test_every_other_address_is_exposed(bind: str) -> None:
    assert is_exposed({"HEALTHMON_BIND": bind})


def test_an_unset_address_is_loopback() -> None:
    assert bind_address({}) == "127.0.0.1"


def test_unset_and_empty_passwords_are_defaults() -> None:
    assert passwords_in_default({}, with_postgres=True) == [*BROKER_VARIABLES, DATABASE_PASSWORD]
    assert passwords_in_default(RANDOM | {"HEALTHMON_AGENT_PASSWORD": ""}, with_postgres=True) == [
        "HEALTHMON_AGENT_PASSWORD"
    ]


def test_a_well_known_password_under_another_name_counts() -> None:
    environment = RANDOM | {"HEALTHMON_AGENT_PASSWORD": "guest"}
    assert passwords_in_default(environment, with_postgres=True) == ["HEALTHMON_AGENT_PASSWORD"]


def test_a_password_that_is_the_administrators_name_counts() -> None:
    environment = {"HEALTHMON_RABBITMQ_ADMIN_USER": "root"} | RANDOM | {ADMIN_PASSWORD: "root"}
    assert passwords_in_default(environment, with_postgres=True) == [ADMIN_PASSWORD]


def test_a_password_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    environment = RANDOM | {"HEALTHMON_AGENT_PASSWORD_FILE": str(file)}
    file.write_text("guest\n")
    assert passwords_in_default(environment, with_postgres=True) == ["HEALTHMON_AGENT_PASSWORD"]
    file.write_text("a long random one\n")
    assert passwords_in_default(environment, with_postgres=True) == []
    file.unlink()
    with pytest.raises(BadSettings, match="HEALTHMON_AGENT_PASSWORD_FILE"):
        passwords_in_default(environment, with_postgres=True)


def test_sqlite_has_no_password() -> None:
    environment = {name: value for name, value in RANDOM.items() if name != DATABASE_PASSWORD}
    assert passwords_in_default(environment, with_postgres=False) == []
    assert passwords_in_default(environment, with_postgres=True) == [DATABASE_PASSWORD]


def test_loopback_is_never_refused() -> None:
    assert refusal("127.0.0.1", BROKER_VARIABLES, old_data=False, has_key=False, **COMMANDS) is None


def test_random_passwords_and_a_key_may_be_published() -> None:
    assert refusal("0.0.0.0", [], old_data=False, has_key=True, **COMMANDS) is None  # noqa: S104


def test_a_default_password_is_named_with_its_cure() -> None:
    told = refusal("0.0.0.0", ["HEALTHMON_AGENT_PASSWORD"], old_data=False, has_key=True, **COMMANDS)  # noqa: S104
    assert told is not None
    assert "HEALTHMON_AGENT_PASSWORD" in told
    assert "make secrets" in told
    assert "keys create" not in told


def test_a_missing_key_is_named_with_the_commands_in_order() -> None:
    told = refusal("10.0.0.5", [], old_data=False, has_key=False, **COMMANDS)
    assert told is not None
    assert "no API key exists" in told
    first = told.index("HEALTHMON_BIND=127.0.0.1 docker-compose up -d")
    second = told.index("docker-compose exec helpdesk healthmon keys create --role admin")
    assert first < second < told.index("start again with HEALTHMON_BIND=10.0.0.5")
    assert "make secrets" not in told


def test_both_faults_are_told_at_once() -> None:
    told = refusal("10.0.0.5", ["POSTGRES_PASSWORD"], old_data=False, has_key=False, **COMMANDS)
    assert told is not None
    assert "make secrets" in told
    assert "keys create" in told


def test_data_made_under_default_passwords_start_on_loopback_first() -> None:
    told = refusal("10.0.0.5", [], old_data=True, has_key=True, **COMMANDS)
    assert told is not None
    assert "data volumes" in told
    assert "HEALTHMON_BIND=127.0.0.1 docker-compose up -d" in told
