"""The real processor, able to die at a boundary or on a marked message; its own code knows nothing of that."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from faults import boundary
from faults.flights import FLIGHTS, FlightJournal, watch_flights
from faults.told import FENCED
from processor import consumer, pipeline
from processor.delivery import Delivery
from processor.keeper import Keeper
from processor.main import main as processor_main
from processor.notify import desk
from processor.notify.steady import LEASE_MS
from store import fence

LONGEST_BACK_OFF, DEADLY = "FAULTS_LONGEST_BACK_OFF_SECONDS", "FAULTS_DEADLY_MARKER"
SLOW = "FAULTS_SLOW_BATCH_SECONDS"
LEASE, RETRY = "FAULTS_LEASE_SECONDS", "FAULTS_LONGEST_RETRY_SECONDS"


def main() -> int:
    """Settings of the rig, then the processor's own start."""
    if LONGEST_BACK_OFF in os.environ:
        consumer.LONGEST_BACK_OFF_SECONDS = float(os.environ[LONGEST_BACK_OFF])
    if DEADLY in os.environ:
        die_of(os.environ[DEADLY].encode())
    if SLOW in os.environ:
        take_time(float(os.environ[SLOW]))
    if FENCED in os.environ:
        note_owners(os.environ[FENCED])
    if FLIGHTS in os.environ:
        watch_flights(FlightJournal(Path(os.environ[FLIGHTS])))
    vars(desk)["LEASE_MS"] = round(float(os.environ.get(LEASE, LEASE_MS / 1000)) * 1000)
    desk.LAST_RETRY_SECONDS = float(os.environ.get(RETRY, desk.LAST_RETRY_SECONDS))
    if boundary.VARIABLE in os.environ:
        boundary.arm(os.environ[boundary.VARIABLE])
    return processor_main(sys.argv[1:])


def die_of(marker: bytes) -> None:
    """As a parser with a memory bug would: at the reading of such a message the process is gone."""
    decode = vars(pipeline)["decode"]

    def deadly(body: bytes, **named: Any) -> Any:
        if marker in body:
            boundary.die()
        return decode(body, **named)

    vars(pipeline)["decode"] = deadly


def note_owners(journal: str) -> None:
    """Each transaction that may write says with which claim, while it holds the fence: their order is the file's."""
    check = fence.check
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def checked(connection: Connection, fence_epoch: int) -> None:
        check(connection, fence_epoch)
        os.write(descriptor, f"{fence_epoch} {os.getpid()}\n".encode())

    setattr(fence, "check", checked)  # noqa: B010 - the type of a function cannot be assigned


def take_time(seconds: float) -> None:
    """As on a slow disk: each batch takes so much longer."""
    keep = Keeper.keep

    def slowly(self: Keeper, deliveries: Sequence[Delivery]) -> Any:
        time.sleep(seconds)
        return keep(self, deliveries)

    setattr(Keeper, "keep", slowly)  # noqa: B010 - the type of a method cannot be assigned


if __name__ == "__main__":
    raise SystemExit(main())
