"""The processor dies at every boundary, freezes, meets what it cannot read."""

import time

from sqlalchemy import select

from faults.boundary import Boundary
from faults.program import Program
from faults.rig import Rig
from faults.row import row
from faults.rows.database import locked_store
from faults.run import Run
from faults.witnessed_processor import SLOW
from processor.consumer import PREFETCH
from store.engine import reading
from store.tables import fence

TIMED_OUT = "has timed out waiting for delivery acknowledgement"  # in the broker's log
BOUNDARIES = (
    Boundary("after", "processor.consumer:Consumer._take"),
    Boundary("before", "processor.keeper:handle_batch"),
    Boundary("after", "processor.keeper:handle_batch"),
    Boundary("before", "store.fence:claim", 1),
    Boundary("after", "store.fence:claim", 1),
    Boundary("before", "store.ingest:keep_batch"),
    Boundary("after", "store.ingest:insert_new"),
    Boundary("before", "COMMIT", 8),
    Boundary("after", "store.ingest:keep_batch"),
    Boundary("before", "pika.adapters.blocking_connection:BlockingChannel.basic_ack"),
    Boundary("after", "pika.adapters.blocking_connection:BlockingChannel.basic_ack"),
)


@row(18, "processor: kill -9 at each boundary of a batch", quick=True)
def killed_at_each_boundary(rig: Rig) -> None:
    with rig.running() as run:
        run.flow(1)
        (processor,) = run.processors
        processor.kill()
        run.die_at_each(processor, BOUNDARIES)
        processor.start()
        run.settle()
    rig.note(f"{len(BOUNDARIES)} boundaries")


@row(19, "processor: frozen for 2 min, standby takes over, thawed")
def frozen_owner(rig: Rig) -> None:
    with rig.running(processors=2, database="postgresql") as run:
        run.flow()
        owner = owner_of(run)
        owner.freeze()
        try:
            seconds = run.until(lambda: owner_of(run) is not owner, "the standby owns the fence")
            run.flow()
            time.sleep(max(0.0, 120 - seconds))  # the freeze itself
        finally:
            owner.thaw()
        run.drain()
        run.flow()
        assert owner_of(run) is not owner, "the old owner came back without being asked"
        run.settle()
    rig.note(f"taken over after {seconds:.1f} s")


@row(33, "processor: slower than its agents, 15 s a batch")
def slow_consumer(rig: Rig) -> None:
    with rig.running(agents=8, settings={SLOW: "15"}) as run:
        run.until(lambda: waiting_in_queue(run) > PREFETCH, "more waits in the queue than the processor may hold")
        deepest = waiting_in_queue(run)
        run.flow(1)
        (processor,) = run.processors
        assert processor.is_alive, "it has died of its work"
        processor.kill()
        processor.start(**{SLOW: "0"})
        run.settle()
    rig.note(f"{deepest} messages waited in the queue while the processor held {PREFETCH}")


def waiting_in_queue(run: Run) -> int:
    """A broker that does not tell proves nothing."""
    waiting = run.waiting_messages()
    assert waiting is not None, "the broker does not tell how much waits in the queue"
    return waiting


@row(34, "processor: broker's consumer time-out while the database is locked")
def consumer_timeout(rig: Rig) -> None:
    with rig.running() as run:
        run.broker.ctl("eval", "application:set_env(rabbit, consumer_timeout, 10000).")
        run.broker.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 5000).")
        try:
            run.processors[0].kill()
            run.processors[0].start()  # a channel takes these settings when it opens
            run.flow()
            said_before = run.broker.log_text().count(TIMED_OUT)
            with locked_store(run):
                time.sleep(45)  # the lock itself
            said = run.broker.log_text().count(TIMED_OUT) - said_before
            assert said, f"the broker never said: {TIMED_OUT}"
            run.settle()
        finally:
            run.broker.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
            run.broker.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 60000).")
    rig.note(f"the broker said {said} times: {TIMED_OUT}")


def owner_of(run: Run) -> Program:
    """The processor that the fence names; an owner is `host:process id`."""
    with reading(run.engine) as connection:
        owner = connection.execute(select(fence.c.owner)).scalar_one()
    return next(program for program in run.processors if owner.endswith(f":{program.process_id}"))
