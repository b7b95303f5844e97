"""No message says less of a notice than what is marked delivered: what it cannot carry goes with the next one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration.notifications import Channel
from processor.notifiers import notifier_of
from processor.notifiers.notifier import Limited, Message, NotifierError
from processor.notifiers.wording import MOST_AS_TEXT, fitted
from store.model import Change, CheckKey
from store.response import Notice
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub, Narrow
from tests.unit.processor.notify.test_notifier_parts import notice

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's own import
TOKEN = "1" * 10 + ":" + "a" * 35
TELEGRAM = f"tgram://{TOKEN}/12315544/"
DISCORD = f"discord://{'1' * 18}/{'a' * 68}"
MAIL = "mailto://127.0.0.1:25?from=hub@hub.example&to=ops@ops.example"
SMS = f"twilio://AC{'a' * 32}:{'b' * 32}@15551230000/15551230001"
SERVICES = {"telegram": TELEGRAM, "discord": DISCORD, "mail": MAIL, "sms": SMS}
HOOK = {"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "s3cret"}


def by_apprise(url: str) -> Any:
    return notifier_of(Channel.model_validate({"kind": "apprise", "url": url}))


def sent_by(notifier: Any, message: Message, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the service hands to the network: apprise's last words before it."""
    said: list[str] = []

    def take(**piece: Any) -> bool:
        said.append(f"{piece['title']}\n{piece['body']}")
        return True

    monkeypatch.setattr(notifier._service, "_timed_send", take)
    notifier.send(message)
    [one] = said
    return one


def incident(number: int, **said: Any) -> Notice:
    words: dict[str, Any] = {"host": f"web-{number}", "number": number, "url": f"https://hub.example/i/{number}/"}
    return notice(**(words | said))


def most_carried(notifier: Any, notices: list[Notice]) -> int:
    return max(size for size in range(1, len(notices) + 1) if size == 1 or notifier.carries(Message(notices[:size])))


@pytest.mark.parametrize(("service", "least"), [("telegram", 15), ("discord", 7), ("mail", 20), ("sms", 1)])
def test_every_link_that_goes_out_arrives(service: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    notifier = by_apprise(SERVICES[service])
    notices = [incident(number) for number in range(100, 130)]
    most = most_carried(notifier, notices)
    assert least <= most <= MOST_AS_TEXT
    said = sent_by(notifier, Message(notices[:most]), monkeypatch)
    for each in notices[:most]:
        assert str(each.payload["url"]) in said
    assert said.count("Find what is large") == most or service == "sms"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("part", ["title", "sentence", "step", "command", "host"])
def test_one_that_is_too_long_is_shortened_but_for_its_link(
    service: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = by_apprise(SERVICES[service])
    said = sent_by(notifier, Message([incident(7, **{part: "long & <wide> words " * 2_000})]), monkeypatch)
    assert "https://hub.example/i/7/" in said
    assert "CRITICAL" in said


def test_what_people_read_first_is_shortened_last() -> None:
    long = incident(
        7, title="disk /var is almost full", sentence="/var is 96.4 % full, limit 95 %", step="Find it " * 20
    )
    short = fitted(Message([long]), lambda title, text: len(title + text) <= 160)
    assert short == (
        "CRITICAL web-7: disk /var is almost full",
        "web-7 -> CRITICAL  /var is 96.4 % full, limit 95 %\nhttps://hub.example/i/7/",
    )


def test_a_command_is_whole_or_left_out() -> None:
    command = "du -xh /var " * 50
    long = Message([incident(7, command=command, sentence="x" * 900)])
    for most in (100, 700, 900, 1_500, 2_000):
        _, text = fitted(long, lambda title, text, most=most: len(title + text) <= most)  # type: ignore[misc]
        assert command.strip() in text or "du -xh" not in text
        assert len(text) <= most


@given(most=st.integers(120, 3_000), lengths=st.lists(st.integers(0, 1_000), min_size=4, max_size=4))
def test_what_fits_is_as_short_as_it_must_be_and_has_its_link(most: int, lengths: list[int]) -> None:
    parts = ("title", "sentence", "step", "command")
    said = {part: "w" * length for part, length in zip(parts, lengths, strict=True)}
    title, text = fitted(Message([incident(7, **said)]), lambda title, text: len(title + text) <= most)
    assert len(title + text) <= most
    assert text.endswith("https://hub.example/i/7/")


@pytest.mark.parametrize("channel", [HOOK, {"kind": "apprise", "url": MAIL}])
def test_no_text_holds_more_than_people_read(channel: dict[str, str]) -> None:
    notifier = notifier_of(Channel.model_validate(channel))
    assert isinstance(notifier, Limited)
    notices = [incident(number) for number in range(MOST_AS_TEXT + 1)]
    assert notifier.carries(Message(notices[:-1]))
    assert not notifier.carries(Message(notices))


def narrow_hub(new_hub: NewHub) -> Hub:
    hub = new_hub()
    hub.receivers["ops"] = Narrow()
    hub.restart()
    return hub


def test_what_a_message_does_not_carry_goes_with_the_next(new_hub: NewHub) -> None:
    hub = narrow_hub(new_hub)
    for number in range(10):
        hub.happen(Change.OPENED, CheckKey(f"web-{number}", "cpu", ""))
    hub.pass_seconds(1)
    assert len(hub.ops.notices) == 3
    hub.pass_seconds(1)
    assert sum(each.delivered_ms is not None for each in hub.kept) == 3  # noted by the pass that sends the next
    hub.pass_seconds(5)
    assert [len(message.notices) for message in hub.ops.messages] == [3, 3, 3, 1]
    assert len({each.dedup_key for each in hub.ops.notices}) == 10


def test_tried_again_it_keeps_its_company(new_hub: NewHub) -> None:
    hub = narrow_hub(new_hub)
    hub.ops.fails = NotifierError("no answer", is_unsure=True)
    for number in range(5):
        hub.happen(Change.OPENED, CheckKey(f"web-{number}", "cpu", ""))
    hub.pass_seconds(3)
    hub.ops.fails = None
    hub.pass_seconds(120)
    by_size = {size: {each.key for each in hub.ops.messages if len(each.notices) == size} for size in (3, 2)}
    assert [len(keys) for keys in by_size.values()] == [1, 1]
    assert hub.waiting == []


def test_a_service_that_cannot_be_measured_is_tried() -> None:
    notifier = by_apprise(MAIL)
    notifier._service.enabled = False
    assert notifier.carries(Message([incident(1), incident(2)]))
    with pytest.raises(NotifierError):
        notifier.send(Message([incident(1)]))
