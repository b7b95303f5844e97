"""Nobody processes for a long time: what was missed is history, not news."""

import time

from sqlalchemy import select

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
        (processor,) = run.processors
        processor.kill()
        before, from_ms = frozenset(run.seen().offered), _now_ms()
        time.sleep(AWAY_SECONDS)  # the absence itself
        missed, to_ms = run.seen().offered - before, _now_ms()
        processor.start()
        drained_seconds = run.until(lambda: missed <= run.accounted(), "the backlog is stored")
        run.flow()
        false_alarms = _opened_by_what_was_read_between(run, from_ms, to_ms)
        assert not false_alarms, f"opened from the backlog: {false_alarms}"
        run.settle()
    rig.note(f"{len(missed)} records meanwhile, stored {drained_seconds:.0f} s after its return; none opened anything")


def _opened_by_what_was_read_between(run: Run, from_ms: int, to_ms: int) -> list[tuple[str, str]]:
    """Rule and sentence; an incident is dated by the record that opened it. What is wrong now may well open one, and
    what was wrong meanwhile is history that nobody is notified of."""
    query = select(incident.c.rule, incident.c.sentence).where(
        incident.c.opened_ms.between(from_ms, to_ms), incident.c.is_late.is_(False)
    )
    with reading(run.engine) as connection:
        return [(row.rule, row.sentence) for row in connection.execute(query)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
