"""A message with many notices that its receiver refuses for good: only the notice that is the reason dies."""

from dataclasses import dataclass

import pytest

from processor.notifiers.notifier import Message, NotifierError
from store.model import Change, CheckKey
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub, Receiver

HOSTS = [f"web-{number}" for number in range(1, 5)]


@dataclass
class Picky(Receiver):
    """Refuses every message with something of this host; of `most` notices at once all."""

    host: str = "web-2"
    most: int = 100

    def send(self, message: Message) -> str:
        hosts = [notice.payload["host"] for notice in message.notices]
        if f"{self.host}.example" in hosts or len(hosts) > self.most:
            raise NotifierError("ops answered 400", permanent=True)
        return super().send(message)


def troubled(new_hub: NewHub, receiver: Receiver, seconds: int = 20) -> Hub:
    hub = new_hub({"grouping_seconds": 5})
    hub.receivers["ops"] = receiver
    hub.restart()
    for host in HOSTS:
        hub.happen(Change.OPENED, CheckKey(host, "cpu", ""))
    hub.pass_seconds(seconds)
    return hub


def test_each_goes_alone_then_and_only_the_one_that_is_refused_alone_is_dead(
    new_hub: NewHub, caplog: pytest.LogCaptureFixture
) -> None:
    picky = Picky()
    hub = troubled(new_hub, picky)
    told = sorted(str(notice.payload["host"]) for notice in picky.notices)
    assert told == ["web-1.example", "web-3.example", "web-4.example"]
    assert [len(message.notices) for message in picky.messages] == [1, 1, 1]
    dead = [notice for notice in hub.kept if notice.dead_ms is not None]
    assert [notice.payload["host"] for notice in dead] == ["web-2.example"]
    assert hub.waiting == []
    assert "refused 4 notices at once, each goes alone" in caplog.text


def test_what_is_too_much_at_once_arrives_one_by_one_and_nothing_is_dead(new_hub: NewHub) -> None:
    picky = Picky(host="", most=3)
    hub = troubled(new_hub, picky)
    assert len(picky.notices) == len(HOSTS)
    assert all(notice.dead_ms is None for notice in hub.kept)


def test_who_takes_over_meanwhile_begins_with_all_of_them_and_ends_the_same(new_hub: NewHub) -> None:
    picky = Picky()
    hub = troubled(new_hub, picky, seconds=2)
    hub.restart()
    hub.pass_seconds(300)
    assert sorted({str(notice.payload["host"]) for notice in picky.notices}) == [
        "web-1.example",
        "web-3.example",
        "web-4.example",
    ]
    assert [notice.payload["host"] for notice in hub.kept if notice.dead_ms is not None] == ["web-2.example"]
