"""The parts that need no server: words, signatures, the table, the thread that a call runs on."""

import hashlib
import hmac
import json
import logging
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import processor.notifiers
from configuration.notifications import Channel, Kind
from processor.notifiers import NOTIFIERS, notifier_of, webhook
from processor.notifiers.alertmanager import Alertmanager
from processor.notifiers.http import Answer
from processor.notifiers.log_lines import LogLines
from processor.notifiers.notifier import Message, NotifierError
from processor.notifiers.webhook import WebHook
from processor.notifiers.wording import text, title
from processor.notify.outlet import DEADLINE_SECONDS, MOST_ABANDONED, Outcome, Outlet
from processor.notify.payload import INTERNAL
from store.notices import TEST_SENTENCE
from store.response import Notice, NoticeKind
from tests.unit.processor.notify.hub import Receiver
from tests.waiting import wait_for

PROBLEM, RECOVERY = NoticeKind.PROBLEM, NoticeKind.RECOVERY
PAGE = (Path(__file__).parents[4] / "docs" / "webhook.md").read_text("utf-8")
EVERY_KEY = {
    "number": 7,
    "kind": "problem",
    "severity": "critical",
    "host": "web-1",
    "agent_id": "id-1",
    "group": "web",
    "rule": "disk-usage",
    "subject": "",
    "title": "/var fills",
    "sentence": "/var is 96 % full",
    "step": "Find what is large",
    "command": "du -xh /var",
    "url": "https://hub/i/7",
    "opened_ms": 1,
    "closed_ms": None,
    "at_ms": 2,
    "route": "1",
    "told": [],
}


def notice(host: str = "web-1", kind: NoticeKind = NoticeKind.PROBLEM, **said: Any) -> Notice:
    payload = EVERY_KEY | {"host": host, "kind": str(kind)} | said
    key = f"7/hook/{kind}-{host}"
    return Notice(
        notice_no=1, number=7, channel="hook", kind=kind, dedup_key=key, created_ms=0, due_ms=0, payload=payload
    )


def test_each_kind_has_its_notifier_and_each_file_its_place() -> None:
    assert set(NOTIFIERS) == set(Kind)
    own = {"__init__", "notifier", "wording", "http"}
    files = {path.stem for path in Path(str(processor.notifiers.__file__)).parent.glob("*.py")} - own
    assert files == {"alertmanager", "by_apprise", "log_lines", "webhook"}
    assert len(files) == len(NOTIFIERS)


def test_one_notice_in_words() -> None:
    message = Message([notice()])
    assert title(message) == "CRITICAL web-1: /var fills"
    assert text(message).splitlines() == [
        "web-1 -> CRITICAL  /var is 96 % full",
        "First step: Find what is large",
        "    du -xh /var",
        "https://hub/i/7",
    ]


def test_a_log_line_says_what_to_do_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LogLines().send(Message([notice()]))
    [line] = caplog.messages
    step = "First step: Find what is large  du -xh /var"
    assert line == f"notice: web-1 -> CRITICAL  /var is 96 % full  {step}  https://hub/i/7"


def test_a_family_is_one_line_that_names_all() -> None:
    hosts = [f"web-{number}" for number in range(1, 13)]
    message = Message([notice(host) for host in hosts])
    assert title(message) == "CRITICAL disk-usage on 12 hosts: web-1, web-2, web-3 and 9 more"
    assert text(message).startswith(f"CRITICAL disk-usage on 12 hosts: {', '.join(hosts)}\n\nweb-1 -> ")


def test_a_mixed_message_and_a_test_in_words() -> None:
    mixed = Message([notice("web-1", NoticeKind.RECOVERY), notice("web-2", severity="warning")])
    assert title(mixed) == "WARNING and more: 2 notices"
    assert text(mixed).startswith("RESOLVED disk-usage on 1 host: web-1\nWARNING disk-usage on 1 host: web-2\n")
    tried = Notice(
        notice_no=1,
        number=None,
        channel="a",
        kind=NoticeKind.TEST,
        dedup_key="t",
        created_ms=0,
        due_ms=0,
        payload={"kind": "test", "sentence": TEST_SENTENCE, "at_ms": 0},
    )
    assert (title(Message([tried])), text(Message([tried]))) == ("TEST healthmon", f"TEST  {TEST_SENTENCE}")


MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("disk / is almost full", "RESOLVED web-1: disk / was almost full for 14 min"),
        ("records are missing and nobody named them as lost", "were missing and nobody named them as lost for 14 min"),
        ("records do not come through", "RESOLVED web-1: records did not come through for 14 min"),
        ("no data", "RESOLVED web-1: no data (it lasted 14 min)"),
    ],
)
def test_what_is_over_is_told_as_something_that_was(said: str, expected: str) -> None:
    its = notice(kind=NoticeKind.RECOVERY, title=said, opened_ms=0, closed_ms=14 * MINUTE_MS + 1)
    assert title(Message([its])).endswith(expected)
    assert text(Message([its])).startswith("web-1 -> RESOLVED  ")
    unknown = notice(kind=NoticeKind.RECOVERY, title=said, opened_ms=0)
    assert "14 min" not in title(Message([unknown]))
    assert title(Message([notice(title=said)])) == f"CRITICAL web-1: {said}"


def test_alertmanager_reads_of_the_end_as_of_something_that_was() -> None:
    its: dict[str, Any] = {"title": "disk / is almost full", "opened_ms": 0, "closed_ms": 14 * MINUTE_MS}
    alerts = [Alertmanager("http://a", lambda: 1)._alerts(notice(kind=kind, **its))[0] for kind in (RECOVERY, PROBLEM)]
    assert [alert["annotations"]["summary"] for alert in alerts] == [
        "disk / was almost full for 14 min",
        "disk / is almost full",
    ]


def posted(monkeypatch: pytest.MonkeyPatch, message: Message) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of the web hook for the message."""
    sent: list[tuple[bytes, Mapping[str, str]]] = []

    def post(_url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        sent.append((body, headers))
        return Answer(200, "")

    monkeypatch.setattr(webhook, "post", post)
    WebHook("http://a/", b"s3cret", lambda: 1_790_000_000.9).send(message)
    return sent[0]


def test_the_page_and_the_code_sign_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    body, headers = posted(monkeypatch, Message([notice()]))
    signed = f"{headers['Healthmon-Id']}.1790000000.".encode() + body
    assert headers["Healthmon-Signature"] == "sha256=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    example = hmac.new(b"s3cret", b'7/hook/problem.1790000000.{"version":1}', hashlib.sha256).hexdigest()
    assert f"sha256={example}" in PAGE


def test_the_page_describes_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads(posted(monkeypatch, Message([notice()]))[0])
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert body.keys() == json.loads(example).keys()
    assert body["notices"][0].keys() == json.loads(example)["notices"][0].keys() == {"key", *EVERY_KEY} - INTERNAL
    assert {f"`{kind}`" for kind in NoticeKind} <= set(re.findall(r"`\w+`", PAGE))


def test_a_message_has_one_key_whatever_the_order() -> None:
    one, two = notice("web-1"), notice("web-2")
    assert Message([one]).key == one.dedup_key
    assert Message([one, two]).key == Message([two, one]).key != Message([one]).key


class Frozen:
    """A notifier that never answers until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def send(self, _: Message) -> str:
        self.go.wait(60)
        return "late"


def ended(outlet: Outlet) -> Outcome:
    return wait_for(outlet.ended, "the end of the call")


def test_a_call_over_its_deadline_is_given_up_and_others_may_begin() -> None:
    frozen, seconds = Frozen(), [0.0]
    outlet = Outlet("a", frozen, lambda: None, lambda: seconds[0])
    for _ in range(MOST_ABANDONED):
        assert outlet.is_free
        outlet.send(Message([notice()]))
        assert not outlet.is_free
        assert outlet.in_flight == [1]
        assert outlet.ended() is None
        seconds[0] += DEADLINE_SECONDS
        outcome = outlet.ended()
        assert outcome is not None
        assert outcome.error is not None
        assert (outcome.error.is_unsure, outcome.error.permanent) == (True, False)
    assert not outlet.is_free
    frozen.go.set()
    wait_for(lambda: outlet.is_free, "the end of the abandoned calls")
    assert outlet.ended() is None


def test_a_call_wakes_whoever_waits_and_says_how_it_ended() -> None:
    woken, receiver = threading.Event(), Receiver()
    outlet = Outlet("a", receiver, woken.set)
    outlet.send(Message([notice()]))
    assert woken.wait(60)
    assert ended(outlet).answer == "taken"
    receiver.fails = NotifierError("404", permanent=True)
    outlet.send(Message([notice()]))
    assert ended(outlet).error is receiver.fails


def test_what_a_notifier_raises_by_mistake_is_not_shown() -> None:
    class Broken:
        def send(self, _: Message) -> str:
            raise ValueError("mailto://ada:hunter2@example.org")

    outlet = Outlet("a", Broken(), lambda: None)
    outlet.send(Message([notice()]))
    assert str(ended(outlet).error) == "the notifier failed: ValueError"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_shows_no_secret_when_it_fails(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in (
        "json://ada:hunter2@127.0.0.1:1/hunter2/?+token=hunter2",
        "mailto://ada:hunter2@127.0.0.1:1?from=a@b.de&to=a@b.de",
    ):
        channel = Channel.model_validate({"kind": "apprise", "url": url})
        with caplog.at_level(logging.DEBUG), pytest.raises(NotifierError) as raised:
            notifier_of(channel).send(Message([notice()]))
        assert (raised.value.permanent, raised.value.is_unsure) == (False, True)
        assert "hunter2" not in str(raised.value) + caplog.text + "".join(capfd.readouterr())
