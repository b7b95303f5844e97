"""The container's health check: whether a canary came through within the last minute, by a clock that may be set."""

from pathlib import Path

import pytest
from sqlalchemy import insert

from processor import main
from processor.keeper import wall_clock_ms
from store.engine import open_engine, transaction
from store.migrate import migrate
from store.tables import flow


@pytest.mark.parametrize(("ago_ms", "exit_code"), [(1_000, 0), (-5_000, 0), (70_000, 1), (-3_600_000, 1)])
def test_a_canary_from_before_the_clock_was_set_back_proves_nothing(
    tmp_path: Path, ago_ms: int, exit_code: int
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(engine)
    with transaction(engine) as connection:
        sent_ms = wall_clock_ms() - ago_ms
        connection.execute(insert(flow).values(one=1, sent_ms=sent_ms, stored_ms=sent_ms))
    assert main._check(engine) == exit_code
