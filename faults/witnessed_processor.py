"""The real processor, able to die at a boundary or on a marked message; its own code knows nothing of that."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from faults import boundary
from processor import consumer, pipeline
from processor.delivery import Delivery
from processor.keeper import Keeper
from processor.main import main as processor_main

LONGEST_BACK_OFF, DEADLY = "FAULTS_LONGEST_BACK_OFF_SECONDS", "FAULTS_DEADLY_MARKER"
SLOW = "FAULTS_SLOW_BATCH_SECONDS"


def main() -> int:
    """Settings of the rig, then the processor's own start."""
    if LONGEST_BACK_OFF in os.environ:
        consumer.LONGEST_BACK_OFF_SECONDS = float(os.environ[LONGEST_BACK_OFF])
    if DEADLY in os.environ:
        die_of(os.environ[DEADLY].encode())
    if SLOW in os.environ:
        take_time(float(os.environ[SLOW]))
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


def take_time(seconds: float) -> None:
    """As on a slow disk: each batch takes so much longer."""
    keep = Keeper.keep

    def slowly(self: Keeper, deliveries: Sequence[Delivery]) -> Any:
        time.sleep(seconds)
        return keep(self, deliveries)

    setattr(Keeper, "keep", slowly)  # noqa: B010 - the type of a method cannot be assigned


if __name__ == "__main__":
    raise SystemExit(main())
