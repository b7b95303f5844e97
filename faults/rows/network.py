"""The network between agents and broker breaks, loudly and silently."""

import time

from faults.rig import Rig
from faults.row import row
from faults.run import Run

DETECTED_WITHIN_SECONDS = 25.0
IMPATIENT = {"HEALTHMON_RECONNECT_MAX_SECONDS": "2"}


@row(11, "network: connections reset, both ways", quick=True)
def partition_with_resets(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        run.flow()
        rig.namespace.reject_with_reset()
        run.offer(20)
        rig.namespace.heal()
        run.settle()


@row(12, "network: silence, one way, then both", quick=True)
def partition_in_silence(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        for cut in (("out",), ("out", "in")):
            run.flow()
            for way in cut:
                (rig.namespace.drop_outgoing if way == "out" else rig.namespace.drop_incoming)()
            seconds = run.until(
                lambda: run.hub_states() == {"disconnected"},
                "all agents notice",
                within_seconds=DETECTED_WITHIN_SECONDS + 10,
            )
            assert seconds <= DETECTED_WITHIN_SECONDS, f"noticed after {seconds:.1f} s"
            rig.note(f"silence {' and '.join(cut)} noticed after {seconds:.1f} s")
            time.sleep(0 if rig.quick else 30)  # the silence itself
            rig.namespace.heal()
        run.settle()


@row(13, "network: confirms lost on their way back", quick=True)
def confirms_lost(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        run.flow()
        rig.namespace.drop_incoming()
        run.until(lambda: run.hub_states() == {"disconnected"}, "all agents notice", within_seconds=60)
        rig.namespace.heal()
        verdict = run.settle()
        assert verdict.copies, "no record was sent twice: the fault did not bite"


@row(14, "network: 1, 10 and 30 % of packets lost")
def lossy(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        for probability in (0.01, 0.1, 0.3):
            rig.namespace.drop_some(probability)
            run.offer(60)
            rig.namespace.heal()
        run.settle()


@row(15, "network: 64 kbit/s, 2 s of latency with 1 s of jitter")
def slow_link(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        run.agents_road.slow(delay_seconds=2.0, jitter_seconds=1.0, bytes_per_second=8_000)
        run.offer(90)
        connections = run.agents_road.accepted
        run.offer(90)
        assert run.agents_road.accepted == connections, "a slow connection was taken for a dead one"
        run.agents_road.heal()
        run.settle()


@row(16, "network: cut mid-frame, bytes flipped")
def cut_and_flipped(rig: Rig) -> None:
    with rig.running(settings=IMPATIENT) as run:
        run.flow(1)
        for place in range(400, 2400, 50):
            run.agents_road.cut_after("up", place)
            _connect_again(run)
        run.agents_road.heal()
        run.flow(1)
        for place in range(400, 2400, 50):
            run.agents_road.flip("up", place)
            _connect_again(run)
        run.agents_road.heal()
        run.agents_road.reset()
        run.settle()


@row(17, "network: a NAT that forgets idle connections")
def forgetful_nat(rig: Rig) -> None:
    with rig.running(settings={"HEALTHMON_INTERVAL_SECONDS": "60"}) as run:
        run.until(lambda: len(run.accounted()) >= 6, "hello and snapshot of each agent are stored")
        connections = run.agents_road.accepted
        run.agents_road.forget_idle(30)
        time.sleep(130)  # two intervals of silence
        assert run.agents_road.accepted == connections, "heartbeats did not keep the connections alive"
        run.agents_road.forget_idle(2)
        run.until(lambda: run.agents_road.accepted >= connections + 3, "all agents notice and connect again")
        run.agents_road.heal()
        run.settle()


def _connect_again(run: Run) -> None:
    """Under the present faults, each agent once or more. A connection that is just being made may escape a reset."""
    goal = run.agents_road.accepted + len(run.agents)
    reset_at = 0.0

    def have_come() -> bool:
        nonlocal reset_at
        if time.monotonic() >= reset_at:
            run.agents_road.reset()
            reset_at = time.monotonic() + 10
        return run.agents_road.accepted >= goal

    run.until(have_come, "each agent connects again")
