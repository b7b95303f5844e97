"""Waiting for the database: every reason is told once, and the wait ends when it answers."""

from pathlib import Path

import pytest

from configuration.reader import ConfigError
from helpdesk_api.main import open_store, wait_for_database
from helpdesk_api.settings import Settings
from store.engine import open_engine
from store.migrate import migrate


def test_a_database_that_comes_late_is_waited_for_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "late"
    engine = open_engine(f"sqlite:///{folder}/healthmon.db")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 8:
            folder.mkdir()
        if len(waits) == 10:
            migrate(engine)

    wait_for_database(engine, sleep)
    engine.dispose()
    assert waits[:6] == [0.5, 1, 2, 4, 8, 10]
    told = [record.message for record in caplog.records if record.name == "helpdesk_api.main"]
    assert len(told) == 2  # the folder is missing, then the tables are
    assert all(one.startswith("waiting for the database: ") for one in told)


def test_a_database_nobody_knows_is_a_problem_of_its_setting() -> None:
    with pytest.raises(ConfigError, match=r"^HEALTHMON_DATABASE_URL: ") as caught:
        open_store(Settings(database_url="mysql://root:secret@db/x"))
    assert "secret" not in str(caught.value)
