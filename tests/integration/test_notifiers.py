"""Notices at real receivers: a signed web hook, an Alertmanager, a mail server, each away for a while and back."""

import email
import email.policy
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine

from configuration.notifications import load
from health.state import State
from processor.notifiers.alertmanager import Alertmanager
from processor.notifiers.http import post
from processor.notifiers.notifier import NotifierError
from processor.notify import desk
from processor.notify.sender import Sender
from processor.silence.sentences import Clocks
from store import fence, notices
from store.engine import reading
from store.ingest import keep_batch
from store.model import Change, CheckKey, Remedy, Step
from store.response import Notice, NoticeKind
from tests.contract.store.builders import KEY, agent, batch, change
from tests.integration.alertmanagers import alertmanager, binary, free_port
from tests.integration.webhook_receiver import WebHookReceiver, receiving
from tests.unit.processor.notify.hub import store_at
from tests.waiting import wait_for

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's own import
SECRET = "a secret of at least some length"
REMEDY = Remedy(
    slug="disk",
    title="Disk",
    confidence="exact",
    reason="",
    steps=[Step(text="Find what is large", command="du -xh /var")],
)


class Processor:
    """The sender of a processor, on its thread, over a store that the test writes incidents into."""

    def __init__(self, engine: Engine, settings_file: Path) -> None:
        self.engine = engine
        self._settings_file = settings_file
        self._seqs = count(1)
        self._stop = threading.Event()

    def start(self) -> None:
        self.epoch = fence.claim(self.engine, "processor", now_ms())
        settings = load(self._settings_file)
        self.sender = Sender(self.engine, settings, self._settings_file, "https://hub.example", clocks)
        self._stop = threading.Event()
        arguments = (self._stop, lambda: self.epoch)
        self._thread = threading.Thread(target=self.sender.run, args=arguments, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.sender.wake()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def happen(self, what: Change, key: CheckKey = KEY, severity: State = State.CRITICAL) -> int:
        its = change(what, next(self._seqs), key, severity=severity, at_ms=now_ms(), remedies=[REMEDY])
        its = replace(its, title="/var fills", sentence=f"/var is 96 % full ({what})")
        known = [agent(key.agent_id, host_name=f"{key.agent_id}.example")]
        number = keep_batch(self.engine, batch(agents=known, incidents=[its]), self.epoch).incident_numbers[key]
        self.sender.wake()
        return number

    def kept(self) -> list[Notice]:
        with reading(self.engine) as connection:
            return notices.list_notices(connection, "all", None, 1000)[::-1]

    def settles(self) -> None:
        wait_for(lambda: self.kept() and not any(_waits(notice) for notice in self.kept()), "an empty outbox")


def _waits(notice: Notice) -> bool:
    return notice.delivered_ms is None and notice.dead_ms is None and notice.cancelled_ms is None


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def clocks() -> Clocks:
    return Clocks(time.monotonic_ns() // 1_000_000, now_ms())


class MailSink:
    """The mails that came, as they came."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 kept"


StartProcessor = Callable[[str], Processor]


@pytest.fixture
def start(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartProcessor]:
    """Takes the settings file's content; what waits is tried again soon, so that no test takes minutes."""
    monkeypatch.setattr(desk, "FIRST_RETRY_SECONDS", 0.3)
    monkeypatch.setattr(desk, "LAST_RETRY_SECONDS", 1.0)
    engine = store_at(tmp_path / "store.db", sqlite_template)
    with ExitStack() as stack:
        stack.callback(engine.dispose)

        def begin(settings: str) -> Processor:
            file = tmp_path / "notifications.toml"
            file.write_text(settings)
            processor = Processor(engine, file)
            processor.start()
            stack.callback(processor.stop)
            return processor

        yield begin


@pytest.fixture
def hook() -> Iterator[WebHookReceiver]:
    with receiving(SECRET) as receiver:
        yield receiver


@pytest.fixture
def needs_alertmanager() -> None:
    if binary() is None:
        message = "Alertmanager is not installed: apt install prometheus-alertmanager"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def webhook_settings(url: str, *more: str) -> str:
    channel = f'[channels.hook]\nkind = "webhook"\nurl = "{url}"\nsecret = "{SECRET}"\n'
    return "\n".join([channel, *more, '[[routes]]\nchannels = ["hook"]\ngrouping_seconds = 0\n'])


def test_a_receiver_written_from_the_page_takes_signed_web_hooks(start: StartProcessor, hook: WebHookReceiver) -> None:
    processor = start(webhook_settings(hook.url))
    number = processor.happen(Change.OPENED)
    wait_for(lambda: hook.kinds_of(number) == ["problem"], "the problem")
    processor.happen(Change.CLOSED)
    wait_for(lambda: hook.kinds_of(number) == ["problem", "recovery"], "the recovery")
    processor.settles()
    assert hook.forged == 0
    told = hook.notices[f"{number}/hook/problem"]
    assert told["sentence"] == "/var is 96 % full (opened)"
    assert (told["step"], told["command"]) == ("Find what is large", "du -xh /var")
    assert told["url"] == f"https://hub.example/i/{number}"
    assert processor.kept()[0].why == "200 thank you"


def test_another_secret_is_refused_and_the_notice_is_dead(start: StartProcessor, hook: WebHookReceiver) -> None:
    hook.secret = "another"
    processor = start(webhook_settings(hook.url))
    processor.happen(Change.OPENED)
    processor.settles()
    [notice] = processor.kept()
    assert hook.forged == hook.requests == 1
    assert notice.dead_ms is not None
    assert notice.why == "127.0.0.1 answered 401 Unauthorized: thank you"


def test_redirects_are_refused(start: StartProcessor, hook: WebHookReceiver) -> None:
    hook.status, hook.location = 302, hook.url
    processor = start(webhook_settings(hook.url))
    processor.happen(Change.OPENED)
    processor.settles()
    assert hook.requests == 1
    assert "redirects are not followed" in processor.kept()[0].why
    assert processor.kept()[0].dead_ms is not None


@pytest.mark.parametrize("takes", [True, False])
def test_a_receiver_away_for_a_while_gets_everything_once(
    start: StartProcessor, hook: WebHookReceiver, takes: bool
) -> None:
    hook.status, hook.takes = (500, True) if takes else (503, False)
    processor = start(webhook_settings(hook.url))
    lasting = [processor.happen(Change.OPENED, CheckKey(f"web-{host}", "disk", "")) for host in range(5)]
    wait_for(lambda: hook.requests >= 3, "three tries")
    ended = [processor.happen(Change.CLOSED, CheckKey(f"web-{host}", "disk", "")) for host in range(2)]
    hook.status, hook.takes = 200, True
    expected = {number: [["problem"]] for number in lasting} | {
        number: [["problem", "recovery"], []] for number in ended
    }
    wait_for(lambda: not any(map(_waits, processor.kept())), "an empty outbox")
    for number, kinds in expected.items():
        wait_for(lambda number=number, kinds=kinds: hook.kinds_of(number) in kinds, f"{kinds} of {number}")  # type: ignore[misc]
    assert hook.forged == 0


def test_a_hanging_receiver_delays_nobody_else(start: StartProcessor, hook: WebHookReceiver) -> None:
    hook.hangs = threading.Event()
    with receiving(SECRET) as quick:
        other = f'[channels.quick]\nkind = "webhook"\nurl = "{quick.url}"\nsecret = "{SECRET}"\n'
        both = '[[routes]]\nchannels = ["hook", "quick"]\ngrouping_seconds = 0\n[[routes]]\nchannels = ["hook"]\n'
        processor = start(webhook_settings(hook.url, other).rpartition("[[routes]]")[0] + both)
        number = processor.happen(Change.OPENED)
        processor.happen(Change.CLOSED)
        processor.happen(Change.OPENED, CheckKey("web-2", "cpu", ""))
        wait_for(lambda: len(quick.notices) >= 1, "the other receiver's notices")
        assert hook.notices == {}
        hook.hangs.set()
        wait_for(lambda: len(hook.notices) >= 1, "the notices, once it hangs no more")
        processor.settles()
    assert hook.kinds_of(number) == quick.kinds_of(number)


def test_a_restart_with_a_message_on_its_way_sends_nothing_twice(start: StartProcessor, hook: WebHookReceiver) -> None:
    hook.hangs = threading.Event()
    processor = start(webhook_settings(hook.url))
    number = processor.happen(Change.OPENED)
    wait_for(lambda: any(notice.leased_until_ms for notice in processor.kept()), "a claim")
    hook.hangs.set()
    processor.stop()
    processor.start()
    processor.happen(Change.CLOSED)
    wait_for(lambda: hook.kinds_of(number) == ["problem", "recovery"], "the recovery")
    assert hook.requests == 2


def mail_settings(port: int) -> str:
    url = f"mailto://127.0.0.1:{port}?from=hub@hub.example&to=ops@ops.example&format=text"
    channel = f'[channels.mail]\nkind = "apprise"\nurl = "{url}"\n'
    return channel + '[[routes]]\nchannels = ["mail"]\ngrouping_seconds = 0\n'


def test_mails_say_what_to_do(start: StartProcessor) -> None:
    sink = MailSink()
    port = free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    processor = start(mail_settings(port))
    number = processor.happen(Change.OPENED)
    wait_for(lambda: any(notice.attempts for notice in processor.kept()), "a try while there is no mail server")
    controller.start()
    try:
        wait_for(lambda: len(sink.mails) == 1, "the mail")
        processor.happen(Change.CLOSED)
        wait_for(lambda: len(sink.mails) == 2, "the mail that it is over")
        processor.settles()
    finally:
        controller.stop()
    problem, recovery = sink.mails
    assert problem["Subject"] == "CRITICAL web-1.example: /var fills"
    assert recovery["Subject"].startswith("RESOLVED web-1.example: /var fills (it lasted ")
    text = problem.get_content()
    for words in ("/var is 96 % full (opened)", "Find what is large", "du -xh /var", f"https://hub.example/i/{number}"):
        assert words in text
    assert problem["Message-ID"] != recovery["Message-ID"]


def test_a_second_copy_of_a_mail_has_the_same_id(start: StartProcessor, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MailSink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setattr(desk, "LEASE_MS", 300)
    try:
        processor = start(mail_settings(controller.port))
        monkeypatch.setattr("store.outbox.mark_delivered", lambda *_: None)  # as if it ended before it could note it
        processor.happen(Change.OPENED)
        wait_for(lambda: len(sink.mails) >= 2, "a second copy")
    finally:
        monkeypatch.undo()
        controller.stop()
    first, second = sink.mails[:2]
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.usefixtures("needs_alertmanager")
def test_alerts_fire_and_resolve_in_alertmanager(
    start: StartProcessor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "REPEAT_MS", 500)
    with alertmanager(tmp_path / "alertmanager") as manager:
        settings = f'[channels.am]\nkind = "alertmanager"\nurl = "{manager.url}/"\n'
        processor = start(settings + '[[routes]]\nchannels = ["am"]\ngrouping_seconds = 0\n')
        number = processor.happen(Change.OPENED, severity=State.WARNING)
        wait_for(lambda: manager.severities() == ["warning"], "the alert")
        [alert] = manager.alerts()
        assert alert["labels"] == {
            "alertname": KEY.rule,
            "severity": "warning",
            "instance": KEY.agent_id,
            "host": "web-1.example",
            "subject": KEY.subject,
        }
        assert alert["annotations"]["first_step"] == "Find what is large"
        assert alert["generatorURL"] == f"https://hub.example/i/{number}"
        processor.happen(Change.WORSENED, severity=State.CRITICAL)
        wait_for(lambda: manager.severities() == ["critical"], "the alert under its new severity alone")
        processor.happen(Change.EASED, severity=State.WARNING)
        wait_for(lambda: manager.severities() == ["warning"], "the milder alert alone")
        processor.happen(Change.CLOSED, severity=State.WARNING)
        wait_for(lambda: manager.alerts() == [], "the end of the alert")
        processor.settles()


@pytest.mark.usefixtures("needs_alertmanager")
def test_an_alertmanager_that_forgot_hears_it_again(
    start: StartProcessor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "REPEAT_MS", 500)
    port = free_port()
    settings = f'[channels.am]\nkind = "alertmanager"\nurl = "http://127.0.0.1:{port}"\n'
    processor = start(settings + '[[routes]]\nchannels = ["am"]\ngrouping_seconds = 0\n')
    processor.happen(Change.OPENED)
    other = CheckKey("web-2", "cpu", "")
    processor.happen(Change.OPENED, other)
    wait_for(lambda: any(notice.attempts for notice in processor.kept()), "a try while there is none")
    with alertmanager(tmp_path / "first", port) as manager:
        wait_for(lambda: len(manager.alerts()) == 2, "both alerts")
        processor.settles()
    processor.happen(Change.CLOSED, other)
    with alertmanager(tmp_path / "second", port) as manager:
        wait_for(lambda: [each["labels"]["alertname"] for each in manager.alerts()] == [KEY.rule], "what is open still")
        processor.settles()


@pytest.mark.usefixtures("needs_alertmanager")
def test_after_a_restart_a_severity_that_was_told_does_not_go_on_firing(tmp_path: Path) -> None:
    payload: dict[str, Any] = {"rule": "disk", "severity": "critical", "agent_id": "web-1", "host": "web-1"}
    notice = Notice(
        notice_no=1,
        number=7,
        channel="am",
        kind=NoticeKind.PROBLEM,
        dedup_key="7/am/problem",
        created_ms=0,
        due_ms=0,
        payload=payload,
    )
    with alertmanager(tmp_path / "alertmanager") as manager:
        Alertmanager(manager.url, now_ms).repeat([notice])
        wait_for(lambda: manager.severities() == ["critical"], "the alert")
        milder = replace(notice, payload={**payload, "severity": "warning", "told": ["critical"]})
        Alertmanager(manager.url, now_ms).repeat([milder])
        wait_for(lambda: manager.severities() == ["warning"], "the milder alert alone")


def test_an_address_without_a_receiver_is_tried_again_and_a_bad_one_is_not() -> None:
    for url, permanent, is_unsure in (
        (f"http://127.0.0.1:{free_port()}/", False, False),
        ("http://no-such-host.invalid/", False, False),
        ("gopher://127.0.0.1/", True, False),
        ("http://127.0.0.1:99999/", True, False),
    ):
        with pytest.raises(NotifierError) as raised:
            post(url, b"{}", {})
        assert (raised.value.permanent, raised.value.is_unsure) == (permanent, is_unsure), url


def test_https_is_verified(hook: WebHookReceiver) -> None:
    with pytest.raises(NotifierError) as raised:
        post(hook.url.replace("http://", "https://user:hunter2@"), b"{}", {})
    assert hook.requests == 0
    assert "hunter2" not in str(raised.value)
