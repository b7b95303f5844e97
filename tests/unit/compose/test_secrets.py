"""`make secrets` adds what is missing and touches nothing else."""

import itertools
import stat
from pathlib import Path

from deploy.preflight.exposure import ADMIN_PASSWORD, DATABASE_PASSWORD, passwords_in_default
from deploy.secrets import NAMES, with_secrets, write_secrets
from rabbitmq.setup import PASSWORD_VARIABLES


def counted() -> "itertools.count[int]":
    return itertools.count(1)


def test_every_password_that_preflight_asks_for_is_made() -> None:
    assert set(NAMES) == {ADMIN_PASSWORD, *PASSWORD_VARIABLES.values(), DATABASE_PASSWORD}


def test_an_empty_file_gets_all_of_them_each_its_own() -> None:
    numbers = counted()
    text, added = with_secrets("", lambda: f"secret-{next(numbers)}")
    assert added == list(NAMES)
    values = [line.partition("=")[2] for line in text.splitlines()]
    assert len(set(values)) == len(NAMES)


def test_what_is_set_stays_and_what_is_empty_is_filled() -> None:
    before = "# mine\nHEALTHMON_BIND=10.0.0.5\nHEALTHMON_AGENT_PASSWORD=chosen\nPOSTGRES_PASSWORD=\n"
    text, added = with_secrets(before, lambda: "new")
    assert text.startswith(before)
    assert "HEALTHMON_AGENT_PASSWORD" not in added
    assert text.endswith("POSTGRES_PASSWORD=new\n")


def test_a_file_without_a_last_newline_is_not_spoilt() -> None:
    text, _ = with_secrets("HEALTHMON_BIND=10.0.0.5", lambda: "new")
    assert text.splitlines()[0] == "HEALTHMON_BIND=10.0.0.5"


def test_a_comment_sets_nothing() -> None:
    _, added = with_secrets("# POSTGRES_PASSWORD=example\n", lambda: "new")
    assert "POSTGRES_PASSWORD" in added


def test_the_file_is_its_owners_alone_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HEALTHMON_PORT=8001\n")
    file.chmod(0o644)
    assert write_secrets(file) == list(NAMES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text()
    assert write_secrets(file) == []
    assert file.read_text() == first
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_what_it_writes_satisfies_preflight(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    write_secrets(file)
    environment = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert passwords_in_default(environment, with_postgres=True) == []
