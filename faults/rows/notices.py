"""People are told once and for certain: owners die in the middle of it, receivers do everything wrong."""

import time
from functools import partial

from faults.boundary import VARIABLE, Boundary
from faults.notices import copies
from faults.program import Program
from faults.rig import Rig
from faults.row import row
from faults.rows.processor import owner_of
from faults.run import DRAIN_SECONDS, Run
from faults.sink import Mode
from faults.switches import Switches

QUICK_BOUNDARIES = (
    Boundary("before", "processor.notify.outlet:Outlet.send", 1),  # claimed and not sent
    Boundary("after", "processor.notifiers.webhook:WebHook.send", 1),  # sent and not noted
    Boundary("after", "store.outbox:mark_delivered", 1),  # noted and not committed
)
BOUNDARIES = (
    *QUICK_BOUNDARIES,
    Boundary("after", "store.outbox:offer", 1),
    Boundary("after", "store.outbox:claim", 1),
    Boundary("before", "processor.notifiers.webhook:WebHook.send", 1),
    Boundary("before", "store.outbox:mark_delivered", 1),
)
HURRIED = {"FAULTS_LEASE_SECONDS": "3", "FAULTS_LONGEST_RETRY_SECONDS": "5"}
BAD_MODES = {
    "slow": Mode.SLOW,
    "broken": Mode.BROKEN,
    "gone": Mode.GONE,
    "torn": Mode.TORN,
    "down": Mode.DOWN,
    "tls": Mode.TORN,
}
CHANNELS = {"well": "http", **dict.fromkeys(BAD_MODES, "http"), "tls": "https"}
BACK_OFF_SECONDS = 660.0


@row(20, "two processors, the owner killed again and again, also in the middle of telling", quick=True)
def owner_killed(rig: Rig) -> None:
    boundaries = QUICK_BOUNDARIES if rig.quick else BOUNDARIES
    names = [f"kill-{number}" for number in range(len(boundaries))]
    settings = HURRIED if rig.quick else {}
    database = "sqlite" if rig.quick else "postgresql"
    with rig.scratch() as folder:
        switches = Switches(folder, names)
        with rig.running(
            agents=2,
            processors=2,
            database=database,
            settings=settings,
            agent_settings=switches.settings,
            channels={"desk": "http"},
        ) as run:
            run.flow(1)
            for name, boundary in zip(names, boundaries, strict=True):
                new_owner = _kill_owner(run, boundary)
                switches.turn_bad(name)
                run.until(partial(_is_dead, new_owner), f"the new owner dies {boundary}")
                assert new_owner.was_killed, f"{boundary}: it ended with {new_owner.exit_code} instead"
                run.until(partial(_is_not_owner, run, new_owner), "the other one takes over")
                new_owner.start()
                _await_told(run, "desk", name)
            for name in names:
                switches.turn_good(name)
            run.settle()
            again = list(copies(run.told()))
            deaths = sum(len(program.deaths_ms) for program in run.processors)
    rig.note(f"{deaths} deaths; {len(again)} notices came twice, each because one died between sending and noting")


@row(40, "receivers of notices: slow, 500, 404, torn, TLS error, down", quick=True)
def receivers_fail(rig: Rig) -> None:
    outage_seconds, patience_seconds = (30.0, 60.0) if rig.quick else (600.0, BACK_OFF_SECONDS)
    with rig.scratch() as folder:
        switches = Switches(folder, ["brief", "lasting", "after"])
        settings = HURRIED if rig.quick else {}
        with rig.running(agents=2, settings=settings, agent_settings=switches.settings, channels=CHANNELS) as run:
            run.flow(1)
            began = time.monotonic()
            for name, mode in BAD_MODES.items():
                run.sinks[name].set(mode)
            _have_incidents(run, switches)
            run.flow()
            time.sleep(max(0.0, outage_seconds - (time.monotonic() - began)))  # the outage itself
            run.flow()
            _must_show_failures(rig, run)
            for name in BAD_MODES.keys() - {"tls"}:
                run.sinks[name].set(Mode.OK)
            switches.turn_bad("after")
            for name in CHANNELS.keys() - {"tls"}:
                _await_told(run, name, "after", within_seconds=patience_seconds)
            for name in CHANNELS.keys() - {"tls", "gone"}:  # what is dead stays so
                _await_told(run, name, "lasting", within_seconds=patience_seconds)
            switches.turn_good("lasting")
            run.settle(told_within_seconds=patience_seconds)


def _kill_owner(run: Run, boundary: Boundary) -> Program:
    """At any instant; the other one takes over and will die at the boundary."""
    owner = owner_of(run)
    (standby,) = (program for program in run.processors if program is not owner)
    standby.kill()
    standby.start(**{VARIABLE: str(boundary)})
    owner.kill()
    run.until(lambda: owner_of(run) is standby, "the standby takes over")
    owner.start()
    return standby


def _have_incidents(run: Run, switches: Switches) -> None:
    """One that ends within the outage and one that does not; the channel that works hears of both at once."""
    switches.turn_bad("brief")
    switches.turn_bad("lasting")
    _await_told(run, "well", "brief")
    _await_told(run, "well", "lasting")
    switches.turn_good("brief")
    _await_told(run, "well", "brief", "recovery")


def _must_show_failures(rig: Rig, run: Run) -> None:
    """While it lasts: dead where trying again is useless, waiting elsewhere, and each says why."""
    told = run.told()
    for name in BAD_MODES:
        assert not told.taken(name), f"{name} took something"
        shown = [item for item in told.of(name) if item.attempts and item.cancelled_ms is None]
        assert shown, f"{name}: no notice shows that it failed"
        assert all((item.dead_ms is not None) == (name == "gone") for item in shown), (
            f"{name}: dead and waiting mixed up"
        )
        rig.note(f"{name}: {shown[0].why}")


def _await_told(
    run: Run, channel: str, check: str, kind: str = "problem", within_seconds: float = DRAIN_SECONDS
) -> None:
    """Return when this sink took the news of this check of every agent."""

    def is_told() -> bool:
        heard = [item for item in run.sinks[channel].heard() if item.is_taken and item.transition.kind == kind]
        return len({item.number for item in heard if item.transition.subject == f'check="{check}"'}) == len(run.agents)

    run.until(is_told, f"{check}: {kind} on {channel}", within_seconds)


def _is_not_owner(run: Run, program: Program) -> bool:
    return owner_of(run) is not program


def _is_dead(program: Program) -> bool:
    return not program.is_alive
