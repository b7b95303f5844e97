"""The demo's course: what is shown, that it always heals, and that its deadlines hold."""

from collections.abc import Mapping
from typing import Any

import pytest

from deploy.demo.story import DEADLINE_SECONDS, TooLate, play


class World:
    """A stack on a clock of its own: the incident opens and closes some seconds after the trouble does."""

    intention = "breaking something"

    def __init__(
        self, *, opens_after: float = 12, closes_after: float = 14, left_by_an_earlier_demo: bool = False
    ) -> None:
        self.now = 1000.0
        self.opens_after, self.closes_after = opens_after, closes_after
        self.troubled = left_by_an_earlier_demo
        self.is_open = left_by_an_earlier_demo
        self.changed = self.now
        self.started = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds

    def start(self) -> None:
        self.open_incidents()
        assert not self.is_open, "starts on a healthy stack only"
        self.started += 1
        self.troubled, self.changed = True, self.now

    def heal(self) -> None:
        if self.troubled:
            self.troubled, self.changed = False, self.now

    def causes(self, incident: Mapping[str, Any]) -> bool:
        return bool(incident["rule"] == "broken")

    def open_incidents(self) -> list[dict[str, Any]]:
        delay = self.opens_after if self.troubled else self.closes_after
        if self.now - self.changed >= delay:
            self.is_open = self.troubled
        others = [{"number": 1, "rule": "somebody else's"}]
        return [*others, {"number": 7, "rule": "broken"}] if self.is_open else others

    def is_closed(self, number: int) -> bool:
        return number not in {incident["number"] for incident in self.open_incidents()}

    def shown(self, number: int) -> str:
        return f"<i/{number} {'open' if self.is_open else 'closed'}>"


def test_it_shows_the_incident_open_and_then_closed() -> None:
    world, said = World(), list[str]()
    play(world, world, said.append, world)
    shown = [text for text in said if text.startswith("<")]
    assert shown == ["<i/7 open>", "<i/7 closed>"]
    assert "After 12 s" in "".join(said)
    assert "Closed 14 s after the healing" in "".join(said)
    assert not world.troubled


def test_what_an_earlier_demo_left_is_healed_first() -> None:
    world = World(left_by_an_earlier_demo=True)
    play(world, world, lambda _: None, world)
    assert world.started == 1
    assert not world.troubled


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (World(opens_after=DEADLINE_SECONDS + 5), "no incident was opened"),
        (World(closes_after=DEADLINE_SECONDS + 5), "i/7 is still open"),
    ],
    ids=["never opens", "never closes"],
)
def test_a_missed_deadline_is_told_and_the_trouble_healed(world: World, told: str) -> None:
    with pytest.raises(TooLate, match=told):
        play(world, world, lambda _: None, world)
    assert not world.troubled


class InterruptedWorld(World):
    """Somebody presses Ctrl-C while the incident is shown."""

    def shown(self, number: int) -> str:
        raise KeyboardInterrupt(f"while i/{number} is shown")


def test_an_interrupt_heals() -> None:
    world = InterruptedWorld()
    with pytest.raises(KeyboardInterrupt):
        play(world, world, lambda _: None, world)
    assert world.started == 1
    assert not world.troubled
