"""Whether an address answers."""

import socket
import threading

import pytest

from processor.silence import reachability
from processor.silence.facts import Reach
from processor.silence.reachability import FRESH_MS, MOST_WAITING, THREADS, Probes, probe
from tests.waiting import wait_for


def test_a_refusal_and_a_welcome_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(reachability, "PORT", port)
        assert probe("127.0.0.1") is Reach.ANSWERS
    assert probe("127.0.0.1") is Reach.ANSWERS


def test_what_nothing_leads_to_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> socket.socket:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert probe("192.0.2.1") is Reach.SILENT


def test_an_answer_is_there_later_and_asked_for_anew_when_it_is_old() -> None:
    now_ms, asked = 0, list[str]()

    def ask(address: str) -> Reach:
        asked.append(address)
        return Reach.SILENT

    probes = Probes(ask, lambda: now_ms)
    assert probes.reach("a") is Reach.ASKED
    wait_for(lambda: probes.reach("a") is Reach.SILENT, "an answer")
    assert asked == ["a"]
    now_ms = FRESH_MS
    assert probes.reach("a") is Reach.SILENT
    wait_for(lambda: len(asked) == 2, "asked anew")
    probes.forget("a")


def test_no_more_wait_than_can_be_asked_soon() -> None:
    goes_on = threading.Event()

    def ask(_: str) -> Reach:
        goes_on.wait(30)
        return Reach.ANSWERS

    probes = Probes(ask)
    answers = [probes.reach(str(number)) for number in range(2 * MOST_WAITING)]
    assert MOST_WAITING <= answers.count(Reach.ASKED) <= MOST_WAITING + THREADS
    assert answers[-1] is Reach.UNKNOWN
    goes_on.set()
