"""The network between agents and broker breaks, loudly and silently."""

import re
import time
from collections import Counter
from collections.abc import Callable

from faults.checker import DAMAGE, LADEN_AGENT_RSS_BYTES, Excuse
from faults.proxy import Direction
from faults.rig import Rig
from faults.row import row
from faults.run import Run
from faults.witness import Key
from faults.witnessed_agent import BALLAST
from processor.findings import CLOCK_SKEW

DETECTED_WITHIN_SECONDS = 25.0
LADEN = "650"  # readings: 9 kB a second when deflated, a little more than 64 kbit/s
HEAPED_UP = 10  # records that wait for a confirm at once; latency alone makes it six
BAD_FRAME = re.compile(
    "invalid_frame_end_marker|frame_too_large|unexpected_frame|unknown_frame|frame_error|FRAME_ERROR|SYNTAX_ERROR"
)  # in the broker's log
IMPATIENT = {"HEALTHMON_RECONNECT_MAX_SECONDS": "2"}


@row(11, "network: connections reset, both ways", quick=True)
def partition_with_resets(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        run.flow()
        rig.namespace.reject_with_reset()
        run.until(lambda: run.hub_states() == {"disconnected"}, "all agents notice")
        run.offer(20)
        rig.namespace.heal()
        run.drain()
        run.flow()
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
        run.until(lambda: run.seen().copies, "a record is sent once more: its confirm was lost")
        copies = run.seen().copies  # later ones are of agents that the verdict starts again
        run.settle()
    rig.note(f"{copies} records sent once more")


@row(14, "network: 1, 10 and 30 % of packets lost")
def lossy(rig: Rig) -> None:
    with rig.running(in_namespace=True) as run:
        for probability in (0.01, 0.1, 0.3):
            rig.namespace.drop_some(probability)
            run.flow(20)
            run.until(rig.namespace.dropped_packets, "a packet is dropped")
            rig.note(f"{probability:.0%}: {rig.namespace.dropped_packets()} packets dropped while records arrived")
            rig.namespace.heal()
        run.settle()


@row(15, "network: 64 kbit/s, 2 s of latency with 1 s of jitter")
def slow_link(rig: Rig) -> None:
    # nobody counts how long a record lies in the kernel's buffers: a host behind them looks like one whose clock is off
    excuse = Excuse(incidents={CLOCK_SKEW.rule}, most_agent_rss_bytes=LADEN_AGENT_RSS_BYTES)
    with rig.running(agent_settings={BALLAST: LADEN}, excuse=excuse) as run:
        run.flow()
        run.agents_road.slow(delay_seconds=2.0, jitter_seconds=1.0, bytes_per_second=8_000)
        connections = run.agents_road.accepted
        run.until(lambda: _fewest_waiting(run) >= HEAPED_UP, "more is made than so slow a link can carry")
        before = run.stored()
        run.until(lambda: _fewest_stored(run, before) >= 10, "records of each agent arrive nevertheless")
        assert run.agents_road.accepted == connections, "a slow connection was taken for a dead one"
        rig.note(f"{_fewest_waiting(run)} records or more waited at each agent while others arrived")
        run.agents_road.heal()
        run.settle()


def _fewest_waiting(run: Run) -> int:
    return min((status.waiting for status in run.statuses()), default=0)


def _fewest_stored(run: Run, before: set[Key]) -> int:
    """Of any agent since then."""
    since = Counter(key.agent_id for key in run.stored() - before)
    return min(since.values()) if len(since) == len(run.agents) else 0


@row(16, "network: cut mid-frame, bytes flipped")
def cut_and_flipped(rig: Rig) -> None:
    with rig.running(settings=IMPATIENT, excuse=Excuse(quarantines=DAMAGE)) as run:
        run.flow(1)
        rig.note(f"cut: {_spoil_everywhere(run, run.agents_road.cut_after)}")
        before = _refused_frames(run)
        rig.note(f"flipped: {_spoil_everywhere(run, run.agents_road.flip)}")
        run.agents_road.reset()
        quarantined, refused = run.settle().quarantined, _refused_frames(run) - before
        assert quarantined or refused, "bytes were flipped, and neither broker nor processor saw it"
    rig.note(f"{refused} flipped frames refused by the broker, {quarantined} records in quarantine")


def _spoil_everywhere(run: Run, spoil: Callable[[Direction, int], None]) -> str:
    """From the handshake on; returns how often each agent met it."""
    run.agents_road.spoilt.clear()
    for place in range(400, 2400, 50):
        spoil("up", place)
        _connect_again(run)
    run.agents_road.heal()
    times = sorted(run.agents_road.spoilt.items())
    assert len(times) == len(run.agents), f"of {len(run.agents)} agents only these were hit: {times}"
    run.drain()
    run.flow(1)
    return ", ".join(f"{name} {count} times" for name, count in times)


def _refused_frames(run: Run) -> int:
    return len(BAD_FRAME.findall(run.broker.log_text()))


@row(17, "network: a NAT that forgets idle connections")
def forgetful_nat(rig: Rig) -> None:
    with rig.running(settings={"HEALTHMON_INTERVAL_SECONDS": "60"}) as run:
        run.until(lambda: len(run.accounted()) >= 6, "hello and snapshot of each agent are stored")
        connections = run.agents_road.accepted
        run.agents_road.forget_idle(30)
        time.sleep(130)  # two intervals of silence
        assert run.agents_road.accepted == connections, "heartbeats did not keep the connections alive"
        run.agents_road.forget_idle(2)
        copies = run.seen().copies
        run.until(lambda: run.agents_road.accepted >= connections + 3, "all agents notice and connect again")
        run.until(lambda: run.seen().copies > copies, "what was sent into a dead connection is sent once more")
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
