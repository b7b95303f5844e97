"""Commands: only what is for this agent, still valid and allowed is obeyed, and each once."""

import logging
from dataclasses import dataclass, field

import msgspec
import pytest

from agent.commands import COMMANDS
from agent.commands.command import Refused, refusal
from agent.commands.inbox import MAX_BODY_BYTES, MAX_WAITING, Inbox
from rabbitmq.commands import KINDS, Command, decode_command, encode_command
from tests.unit.agent.stamping import AGENT_ID

POLL = Command(command_id="c-1", agent_id=AGENT_ID, kind="poll", issued_seconds=100.0, expires_seconds=130.0)


@dataclass
class Asked:
    times: int = field(default=0)
    intervals: list[float | None] = field(default_factory=list)
    choices: list[tuple[str, ...] | None] = field(default_factory=list)

    def report_now(self) -> None:
        self.times += 1

    def report_every(self, interval_seconds: float | None) -> str:
        self.intervals.append(interval_seconds)
        return f"reports every {interval_seconds} s"

    def report_only(self, collectors: tuple[str, ...] | None) -> str:
        self.choices.append(collectors)
        return f"measures {collectors}"


def why_not(command: Command, now_seconds: float = 120.0) -> str | None:
    return refusal(command, agent_id=AGENT_ID, known_kinds=COMMANDS, now_seconds=now_seconds)


def test_the_table_holds_the_kinds_of_the_contract() -> None:
    assert set(COMMANDS) == set(KINDS)


def test_poll_reports_once() -> None:
    asked = Asked()
    assert why_not(POLL) is None
    COMMANDS["poll"](asked, {})
    assert asked.times == 1


@pytest.mark.parametrize("seconds", [1, 2.5, 300, None])
def test_configure_sets_the_interval(seconds: float | None) -> None:
    asked = Asked()
    assert COMMANDS["configure"](asked, {"interval_seconds": seconds}) == f"reports every {asked.intervals[0]} s"
    assert asked.intervals == [seconds]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "interval_seconds is missing, and so is collectors"),
        ({"interval_seconds": 0.5}, "must be from 1 to 300"),
        ({"interval_seconds": 301}, "must be from 1 to 300"),
        ({"interval_seconds": "5"}, "must be a number"),
        ({"interval_seconds": True}, "must be a number"),
        ({"interval_seconds": 5, "name": "x"}, "name cannot be configured"),
        ({"interval_seconds": 5, "collectors": []}, "collectors: name one at least. Known are cpu, load, memory"),
        ({"interval_seconds": 5, "collectors": ["cpu", "gpu"]}, "collectors: 'gpu' is no metric group. Known are cpu"),
        ({"interval_seconds": 5, "collectors": "cpu"}, "collectors: give a list of names"),
        ({"interval_seconds": 5, "collectors": [5]}, "collectors: give a list of names"),
        ({"interval_seconds": 0, "collectors": ["cpu"]}, "must be from 1 to 300"),
    ],
)
def test_configure_refuses_what_it_does_not_know(arguments: dict[str, object], words: str) -> None:
    asked = Asked()
    with pytest.raises(Refused, match=words):
        COMMANDS["configure"](asked, arguments)
    assert (asked.intervals, asked.choices) == ([], [])


@pytest.mark.parametrize(("names", "chosen"), [(["memory", "cpu", "cpu"], ("cpu", "memory")), (None, None)])
def test_configure_chooses_metric_groups_and_leaves_the_interval(
    names: list[str] | None, chosen: tuple[str, ...] | None
) -> None:
    asked = Asked()
    assert COMMANDS["configure"](asked, {"collectors": names}) == f"measures {chosen}"
    assert (asked.intervals, asked.choices) == ([], [chosen])


def test_configure_sets_both_at_once() -> None:
    asked = Asked()
    said = COMMANDS["configure"](asked, {"interval_seconds": 2, "collectors": ["disk"]})
    assert said == "reports every 2.0 s; measures ('disk',)"


def test_a_command_of_an_earlier_help_desk_has_no_arguments() -> None:
    told = msgspec.json.decode(encode_command(POLL))
    del told["arguments"]
    assert decode_command(msgspec.json.encode(told)) == POLL


@pytest.mark.parametrize(
    ("changes", "now_seconds", "words"),
    [
        ({"agent_id": "somebody-else"}, 120.0, "for agent somebody-else"),
        ({}, 130.0, "expired 0 s ago"),
        ({"kind": "format-disk"}, 120.0, "'format-disk' is not allowed"),
    ],
)
def test_others_are_refused_with_a_reason(changes: dict[str, str], now_seconds: float, words: str) -> None:
    reason = why_not(msgspec.structs.replace(POLL, **changes), now_seconds)
    assert reason is not None
    assert words in reason


def waiting(inbox: Inbox) -> list[Command]:
    found = []
    while command := inbox.wait(0.0):
        found.append(command)
    return found


def test_a_command_that_comes_twice_is_obeyed_once() -> None:
    inbox = Inbox()
    inbox.put(encode_command(POLL))
    inbox.put(encode_command(POLL))
    assert waiting(inbox) == [POLL]
    inbox.put(encode_command(POLL))
    assert waiting(inbox) == []


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"{}", b'{"version": 2}', b" " * (MAX_BODY_BYTES + 1)])
def test_what_cannot_be_read_is_logged_and_dropped(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    inbox.put(body)
    assert waiting(inbox) == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "command unreadable" in caplog.text
    assert len(caplog.records[0].getMessage()) < 300


def test_a_flood_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    for number in range(MAX_WAITING + 3):
        inbox.put(encode_command(msgspec.structs.replace(POLL, command_id=f"c-{number}")))
    assert len(waiting(inbox)) == MAX_WAITING
    assert caplog.text.count("dropped") == 3


def test_wake_ends_a_wait_without_a_command() -> None:
    inbox = Inbox()
    inbox.wake()
    assert inbox.wait(60.0) is None
