"""Nobody processes for a long time: what was missed is history, not news."""

import time

from sqlalchemy import func, select

from faults.rig import Rig
from faults.row import row
from faults.run import Run
from store.engine import reading
from store.tables import incident

AWAY_SECONDS = 1200


@row(43, "processor: away for 20 min, 10 agents at 1 s")
def processor_away(rig: Rig) -> None:
    with rig.running(agents=10) as run:
        run.flow()
        opened = _incidents(run)
        (processor,) = run.processors
        processor.kill()
        before = frozenset(run.seen().offered)
        time.sleep(AWAY_SECONDS)  # the absence itself
        missed = run.seen().offered - before
        processor.start()
        drained_seconds = run.until(lambda: missed <= run.accounted(), "the backlog is stored")
        run.flow()
        false_incidents = _incidents(run) - opened
        run.settle()
    assert not false_incidents, f"{false_incidents} incidents opened from the backlog"
    rig.note(
        f"{len(missed)} records while it was away, stored {drained_seconds:.0f} s after its return, no incident opened"
    )


def _incidents(run: Run) -> int:
    with reading(run.engine) as connection:
        return connection.execute(select(func.count()).select_from(incident)).scalar_one()
