"""Nobody processes for a long time: what was missed is history, not news."""

import time

from sqlalchemy import exists, select

from faults.rig import Rig
from faults.row import row
from faults.run import Run
from faults.told import Life
from processor.findings import SILENCE_RULES
from store.engine import reading
from store.model import Change
from store.tables import incident, incident_event


@row(43, "processor: away for 20 min, 10 agents at 1 s")
def processor_away(rig: Rig) -> None:
    with rig.running(agents=10, channels={"desk": "http"}) as run:
        run.flow()
        (processor,) = run.processors
        processor.kill()
        before, from_ms = frozenset(run.seen().offered), _now_ms()
        time.sleep(120 if rig.quick else 1200)  # the absence itself
        missed, to_ms = run.seen().offered - before, _now_ms()
        processor.start()
        drained_seconds = run.drain()
        run.flow()
        run.until(lambda: not _open_late_ones(run), "what was wrong meanwhile has ended or is news", within_seconds=60)
        run.settle()
        false_alarms = _opened_by_what_was_read_between(run, from_ms, to_ms)
        assert not false_alarms, f"opened from the backlog: {false_alarms}"
        late = [life for life in run.told().lives if life.is_late and life.rule not in SILENCE_RULES]
        assert late, "disks were full meanwhile, and there is no late incident of it"
    rig.note(
        f"{len(missed)} records meanwhile, stored {drained_seconds:.0f} s after its return; nobody was told of them; "
        f"{len(late)} late incidents, each as the reference makes it, none open"
    )


def _open_late_ones(run: Run) -> list[Life]:
    return [life for life in run.told().lives if life.is_late and life.to_ms is None]


def _opened_by_what_was_read_between(run: Run, from_ms: int, to_ms: int) -> list[tuple[str, str]]:
    """Rule and sentence; an incident is dated by the record that opened it. What was wrong meanwhile is history, of
    which the checker has seen that nobody was told; it is news only where a record of now showed it once more.
    """
    event = incident_event.c
    is_shown_now = exists().where(
        event.number == incident.c.number, event.change == Change.WORSENED, event.at_ms >= to_ms
    )
    query = select(incident.c.rule, incident.c.sentence).where(
        incident.c.opened_ms.between(from_ms, to_ms), incident.c.is_late.is_(False), ~is_shown_now
    )
    with reading(run.engine) as connection:
        return [(row.rule, row.sentence) for row in connection.execute(query)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
