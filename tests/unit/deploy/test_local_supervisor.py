"""Services start in order, come back with longer pauses, and stop in the reverse order. No clock is waited for."""

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.child import Service
from deploy.local.output import Output
from deploy.local.services import broker_line
from deploy.local.supervisor import StartFailed, StopRequested, Supervised, Supervisor, how_it_ended
from tests.waiting import wait_for

UNTIL_TERMINATED = 'trap "echo $0 stopped; exit 0" TERM; echo $0 ready; while :; do sleep 0.02; done'


def service(name: str, script: str, *, usable: Callable[[], bool] = lambda: True) -> Service:
    return Service(name, ["sh", "-c", script, name], {"PATH": os.defpath}, Path("/"), usable=usable)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def output(stream: io.StringIO) -> Output:
    return Output(stream, ["first", "second"], colour=False)


def die(supervised: Supervised, now_seconds: float) -> int:
    """Let it start at `now_seconds` and end by itself."""
    supervised.tend(now_seconds)

    def ended() -> tuple[int] | None:
        code = supervised.tend(now_seconds)
        return None if code is None else (code,)

    return wait_for(ended, "the end of a child")[0]


def test_what_dies_starts_again_with_doubling_pauses(output: Output, stream: io.StringIO) -> None:
    supervised = Supervised(service("first", "exit 3"), output)
    now_seconds = 0.0
    for pause_seconds in (0.5, 1, 2, 4, 8, 15, 15):
        assert die(supervised, now_seconds) == 3
        assert f"first ended with exit code 3, starting it again in {pause_seconds:g} s" in stream.getvalue()
        now_seconds += pause_seconds


def test_it_does_not_start_before_its_pause_is_over(output: Output) -> None:
    starts: list[str] = []

    def note_start() -> bool:
        starts.append("start")
        return True

    watched = Service("first", ["false"], {"PATH": os.defpath}, Path("/"), needs=note_start)
    supervised = Supervised(watched, output)
    die(supervised, 0.0)
    supervised.tend(0.4)
    assert len(starts) == 1
    supervised.tend(0.5)
    assert len(starts) == 2
    supervised.stop()


def test_who_ran_long_starts_again_with_the_first_pause(output: Output, stream: io.StringIO) -> None:
    supervised = Supervised(service("first", "exit 1"), output)
    die(supervised, 0.0)
    die(supervised, 0.5)
    supervised.tend(1.5)
    wait_for(lambda: supervised.tend(100.0), "the end of a child")
    assert stream.getvalue().splitlines()[-1].endswith("again in 0.5 s")


def test_services_stop_in_the_reverse_order_and_their_last_words_are_shown(output: Output, stream: io.StringIO) -> None:
    supervisor = Supervisor(output)
    supervisor.start(service("first", UNTIL_TERMINATED, usable=lambda: "first ready" in stream.getvalue()))
    supervisor.start(service("second", UNTIL_TERMINATED, usable=lambda: "second ready" in stream.getvalue()))
    supervisor.stop()
    assert stream.getvalue().splitlines()[-2:] == ["second | second stopped", "first  | first stopped"]


def test_wrong_settings_end_the_start(output: Output) -> None:
    supervisor = Supervisor(output)
    with pytest.raises(StartFailed, match="first cannot start with these settings"):
        supervisor.start(service("first", "exit 2", usable=lambda: False))


def test_a_one_shot_must_succeed(output: Output) -> None:
    supervisor = Supervisor(output)
    supervisor.run(service("first", "exit 0"))
    with pytest.raises(StartFailed, match="first ended with exit code 1"):
        supervisor.run(service("first", "exit 1"))


def test_a_signal_ends_the_tending(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[[int, None], None]] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    supervisor = Supervisor(output)
    supervisor.listen_to_signals()
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    with pytest.raises(StopRequested):
        supervisor.tend_until_stopped()


def test_the_end_by_a_signal_is_named() -> None:
    assert how_it_ended(-9) == "was ended by SIGKILL"


def test_the_broker_shows_errors_and_alarms_only() -> None:
    assert broker_line("2026-11-21 [info] <0.1.0> Server startup complete") is None
    assert broker_line("\x1b[38;5;160m2026-11-21 [error] <0.1.0> down\x1b[0m") == "2026-11-21 [error] <0.1.0> down"
    assert broker_line("2026-11-21 [warning] <0.1.0> disk resource limit alarm set on node") is not None
