"""Spools for tests: small ones, killed ones, and what is in them."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from agent.spool import Spool
from agent.spool_file import log_of
from rabbitmq.records import AnyRecord, Loss
from rabbitmq.statement import Statement
from tests.unit.agent.stamping import AGENT_ID, stamper

SMALLEST_BOUND_BYTES = 1024 * 1024
Number = tuple[int, int]  # epoch and seq


def open_spool(folder: Path, bound_bytes: int = SMALLEST_BOUND_BYTES) -> Spool:
    return Spool(folder / "spool.sqlite3", stamper(), bound_bytes=bound_bytes)


def crash(spool: Spool) -> None:
    """What a killed process does: the files are let go as they are."""
    file = spool._file
    left = {each: each.read_bytes() for each in (file, log_of(file)) if each.exists()} if file else {}
    spool._rows.database.close()
    for each, content in left.items():
        with each.open("r+b" if each.exists() else "wb") as stream:  # in place, for the disk may be full
            stream.write(content)
            stream.truncate()


def decoded(body: bytes) -> AnyRecord:
    record: AnyRecord = msgspec.json.decode(body, type=AnyRecord)
    return record


def drain(spool: Spool) -> list[AnyRecord]:
    """All that waits, oldest first, left in flight."""
    found: list[AnyRecord] = []
    while batch := spool.take_oldest(100, 1 << 20):
        records = [decoded(row.body) for row in batch.rows]
        assert [(record.epoch, record.seq) for record in records] == [(batch.epoch, row.seq) for row in batch.rows]
        found.extend(records)
    return found


def drained_seqs(spool: Spool) -> list[int]:
    return [record.seq for record in drain(spool)]


def confirm_all(spool: Spool) -> None:
    while batch := spool.take_oldest(100, 1 << 20):
        spool.confirm(batch.positions)


def losses(records: Iterable[AnyRecord]) -> list[Loss]:
    return [record for record in records if isinstance(record, Loss)]


def named(losses: Iterable[Loss]) -> set[Number]:
    """Each number that these name."""
    return {(loss.lost_epoch, seq) for loss in losses for seq in range(loss.first_seq, loss.last_seq + 1, loss.step)}


def statement(epoch: int, assigned_seq: int, settled_seq: int = 0, missing: Iterable[Number] = ()) -> Statement:
    return Statement(
        agent_id=AGENT_ID, epoch=epoch, assigned_seq=assigned_seq, settled_seq=settled_seq, missing=list(missing)
    )


def kept_in(file: Path) -> dict[Number, bytes]:
    """The committed rows of a spool's file, by the numbers in their bodies."""
    with TemporaryDirectory() as folder, suppress(sqlite3.Error):
        for each in (file, log_of(file)):
            if each.is_file():
                shutil.copy(each, folder)
        with closing(sqlite3.connect(Path(folder) / file.name)) as database:
            bodies = [body for (body,) in database.execute("SELECT body FROM record")]
        return {(record.epoch, record.seq): body for body in bodies for record in [decoded(body)]}
    return {}
