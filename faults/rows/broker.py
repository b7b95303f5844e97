"""The broker restarts, dies, hangs, runs full, forgets."""

import time

from faults.evidence import read_evidence
from faults.incidents import incidents_of
from faults.rig import Rig
from faults.row import row
from faults.run import Run
from processor.findings import AGENT_SILENT, PIPELINE
from rabbitmq.declare import declare_topology
from rabbitmq.topology import EXCHANGE, QUEUE
from store.model import Incident

NOTICED_WITHIN_SECONDS = 25.0


@row(1, "broker: clean restart under load", quick=True)
def clean_restart(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.broker.ctl("stop_app")
        run.offer(6)
        run.broker.ctl("start_app")
        run.settle()


@row(2, "broker: kill -9 at seeded instants", quick=True)
def killed(rig: Rig) -> None:
    with rig.running() as run:
        for _ in range(3 if rig.quick else 20):
            run.flow(1)
            time.sleep(rig.random.uniform(0, 2))  # the instant of the kill is the fault
            run.broker.kill()
            run.broker.start()
        run.settle()


@row(5, "broker: disk alarm", quick=True)
def disk_alarm(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.broker.ctl("set_disk_free_limit", "100000GB")
        run.until(lambda: run.hub_states() == {"blocked"}, "all agents say that the broker is blocked")
        run.offer(15)
        run.broker.ctl("set_disk_free_limit", "50MB")
        run.settle()


@row(9, "broker: queue deleted, then binding gone", quick=True)
def nothing_routes(rig: Rig) -> None:
    with rig.running(channels={"desk": "http"}) as run:
        virtual_host = run.broker.virtual_host
        rig.note(f"queue gone: {_told_of_the_loss_of(run, 'queues', virtual_host, QUEUE)}")
        binding = ("bindings", virtual_host, "e", EXCHANGE, "q", QUEUE, "%23")
        rig.note(f"binding gone: {_told_of_the_loss_of(run, *binding)}")
        run.settle()
        _names_the_queue_and_its_remedy(run, incidents_of(run, PIPELINE.rule))
        assert not incidents_of(run, AGENT_SILENT.rule), "agents that spool are blamed for silence"


def _told_of_the_loss_of(run: Run, *path: str) -> str:
    """Delete it and make it anew; when the incident came and went."""
    run.flow()
    known = len(incidents_of(run, PIPELINE.rule))
    run.broker.management.call("DELETE", *path)
    opened = run.until(lambda: len(incidents_of(run, PIPELINE.rule)) > known, "an incident that nothing routes")
    run.until(lambda: all(status.waiting for status in run.statuses()), "records wait at the agents")
    declare_topology(run.broker.management)
    closed = run.until(lambda: all(one.closed_ms for one in incidents_of(run, PIPELINE.rule)), "its end")
    return f"an incident after {opened:.0f} s, closed {closed:.0f} s after its return"


def _names_the_queue_and_its_remedy(run: Run, incidents: list[Incident]) -> None:
    """Each one, and people were told of its beginning and its end."""
    assert len(incidents) == 2, f"two faults, but {[one.sentence for one in incidents]}"
    for incident in incidents:
        remedy, *_ = incident.remedies
        assert remedy.slug == "nothing-routes", f"{incident.sentence}: the remedy is {remedy.slug}"
        assert "python -m rabbitmq setup" in [step.command for step in remedy.steps]
        heard = [item.transition.kind for item in run.sinks["desk"].heard() if item.number == incident.number]
        assert heard == ["problem", "recovery"], f"#{incident.number}: people heard {heard}"


@row(4, "broker: frozen for 90 s")
def frozen(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.broker.freeze()
        try:
            seconds = run.until(lambda: run.hub_states() == {"disconnected"}, "all agents notice")
            assert seconds <= NOTICED_WITHIN_SECONDS, f"noticed after {seconds:.1f} s"
            time.sleep(90 - seconds)  # the hang itself
        finally:
            run.broker.thaw()
        run.settle()
    rig.note(f"noticed after {seconds:.1f} s")


@row(6, "broker: memory alarm for longer than the blocked time-out")
def memory_alarm(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.broker.ctl("set_vm_memory_high_watermark", "0.0001")
        run.until(lambda: run.hub_states() == {"blocked"}, "all agents say that the broker is blocked")
        connections = run.agents_road.accepted
        time.sleep(330)  # the alarm itself
        came_again = run.agents_road.accepted - connections
        assert came_again >= len(run.agents), f"only {came_again} connections given up after the blocked time-out"
        run.broker.ctl("set_vm_memory_high_watermark", "0.4")
        run.settle()


@row(7, "broker: its disk really full")
def disk_full(rig: Rig) -> None:
    with rig.disk(1200) as disk, rig.broker_on(disk.mount) as broker, rig.running(broker=broker) as run:
        broker.ctl("set_disk_free_limit", "0")  # it shall not see that coming
        run.flow()
        disk.fill()
        assert disk.is_full(), "the disk has room"
        run.until(lambda: all(status.waiting >= 5 for status in run.statuses()), "the broker confirms no more")
        assert "blocked" not in run.hub_states(), "it was the alarm, not the full disk, that stopped the agents"
        disk.free()
        broker.kill()  # as its operator would: after a write error it may be half alive
        broker.start()
        run.settle()


@row(8, "broker: wiped to empty, 10 agents with confirmed records; without statements the account must tell")
def wiped(rig: Rig) -> None:
    with rig.running(agents=10) as run:
        _wipe_with_confirmed_records(run)
        run.settle()
    with rig.running(agents=2, settings={"FAULTS_DEAF_TO_STATEMENTS": "1"}) as run:
        _wipe_with_confirmed_records(run)
        verdict = run.verdict(20)
        assert any(item.startswith("C2: offered and unexplained") for item in verdict.violations)
        open_count = sum(row.gaps.get("open", 0) for row in read_evidence(run.engine).accounts)
        assert open_count, "records are gone and the account says nothing of it"
    rig.note(f"without statements {open_count} records stay open in the account")


@row(10, "broker: queue at its limit, processor stopped")
def queue_at_its_limit(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.processors[0].kill()
        management, virtual_host = run.broker.management, run.broker.virtual_host
        limit = {"pattern": "^ingest$", "apply-to": "queues", "definition": {"max-length-bytes": 20_000}}
        management.call("PUT", "policies", virtual_host, "limit", body=limit)
        run.until(lambda: sum(status.waiting for status in run.statuses()) > 15, "records wait at the agents")
        run.offer(15)
        management.call("DELETE", "policies", virtual_host, "limit")
        run.processors[0].start()
        run.settle()


def _wipe_with_confirmed_records(run: Run) -> None:
    run.flow(1)
    run.processors[0].kill()
    goal = len(run.seen().confirmed) + 5 * len(run.agents)
    run.until(lambda: len(run.seen().confirmed) >= goal, "confirmed records that nobody has processed")
    run.broker.wipe()
    run.processors[0].start()
