"""The write-ahead log under a spool: what it has is not lost with a start that was killed, nor given twice after a
power cut."""

import shutil
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.spool_file import PAGE_BYTES, log_of
from agent.stamp import Stamper
from tests.unit.agent.spools import SMALLEST_BOUND_BYTES, crash, drain, losses, open_spool
from tests.unit.agent.stamping import AGENT_ID, goodbye, snapshot_of
from tests.unit.agent.test_spool_damage import flip_the_log_of_a_record_at, write_at


def killed(*_arguments: object, **_keywords: object) -> int:
    raise KeyboardInterrupt


def test_after_a_power_cut_no_number_is_given_again(tmp_path: Path) -> None:
    """The log may have lost its end with the power, and the hub may have what stood there."""
    spool = open_spool(tmp_path)
    spool.append(snapshot_of(100))
    synced_last = (tmp_path / "high-water").read_bytes()
    for _ in range(8):
        spool.append(snapshot_of(100))
    before = spool.epoch
    crash(spool)
    (tmp_path / "high-water").write_bytes(synced_last)
    flip_the_log_of_a_record_at(tmp_path / "spool.sqlite3", b'"seq":7,')
    stamper = Stamper(AGENT_ID, "boot-2", wall_clock=lambda: 0.0, boot_clock=lambda: 0.0)
    spool = Spool(tmp_path / "spool.sqlite3", stamper, bound_bytes=SMALLEST_BOUND_BYTES)
    assert spool.append(goodbye) == 1
    assert spool.epoch > before
    kept = {(record.epoch, record.seq) for record in drain(spool)}
    assert {1, 2, 3} < {seq for epoch, seq in kept if epoch == before} < set(range(1, 10))
    spool.close()


def test_a_start_that_was_killed_while_it_set_a_spool_aside_saves_what_the_log_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path)
    for _ in range(5):
        spool.append(snapshot_of(100))
    crash(spool)
    write_at(PAGE_BYTES, b"\xff" * PAGE_BYTES)(tmp_path / "spool.sqlite3")
    shutil.copy(log_of(tmp_path / "spool.sqlite3"), tmp_path / "log")
    (tmp_path / "spool.sqlite3").rename(tmp_path / "spool.sqlite3.damaged-1")
    with monkeypatch.context() as patch:
        patch.setattr("agent.spool_open.open_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            open_spool(tmp_path)
    assert log_of(tmp_path / "spool.sqlite3.damaged-1").read_bytes() == (tmp_path / "log").read_bytes()
    spool = open_spool(tmp_path)
    assert len([record for record in drain(spool) if not losses([record])]) == 5
    spool.close()
