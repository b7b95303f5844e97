"""`python -m deploy.preflight` on SQLite: exit codes and words."""

from pathlib import Path

import pytest

from deploy.preflight.__main__ import main, why_not
from deploy.preflight.exposure import ADMIN_PASSWORD
from rabbitmq.setup import PASSWORD_VARIABLES
from store import keys
from store.engine import open_engine, transaction
from store.migrate import migrate
from store.role import Role

SAFE = dict.fromkeys([ADMIN_PASSWORD, *PASSWORD_VARIABLES.values()], "Zx8-random") | {"HEALTHMON_BIND": "10.0.0.5"}


def environment_for(file: Path) -> dict[str, str]:
    return SAFE | {"HEALTHMON_DATABASE_URL": f"sqlite:///{file}"}


def test_a_database_that_does_not_exist_holds_no_key_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "healthmon.db"
    told = why_not(environment_for(file))
    assert told is not None
    assert "no API key exists" in told
    assert not file.exists()


def test_an_empty_database_holds_no_key(tmp_path: Path) -> None:
    file = tmp_path / "healthmon.db"
    file.touch()
    assert why_not(environment_for(file)) is not None


def test_an_active_key_opens_the_way_and_a_revoked_one_does_not(tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "healthmon.db")
    engine = open_engine(environment["HEALTHMON_DATABASE_URL"])
    migrate(engine)
    with transaction(engine) as connection:
        key = keys.add_key(connection, name="ana", role=Role.ADMIN, sha256="0" * 64, created_ms=1)
    assert why_not(environment) is None
    with transaction(engine) as connection:
        keys.revoke(connection, key.key_id, 2)
    engine.dispose()
    assert why_not(environment) is not None


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, value in environment_for(tmp_path / "healthmon.db").items():
        monkeypatch.setenv(name, value)
    assert main() == 1
    assert "keys create" in capsys.readouterr().err
    monkeypatch.setenv("HEALTHMON_BIND", "127.0.0.1")
    assert main() == 0
    assert capsys.readouterr() == ("", "")


def test_an_unreachable_database_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEALTHMON_DATABASE_URL", "postgresql://healthmon@127.0.0.1:1/healthmon")
    monkeypatch.setenv("HEALTHMON_DATABASE_PASSWORD", "s3cret-of-mine")
    assert main() == 1
    told = capsys.readouterr().err
    assert "cannot be asked" in told
    assert "s3cret-of-mine" not in told
