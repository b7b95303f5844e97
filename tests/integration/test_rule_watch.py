"""A folder of rules beside a keeper with a real database: what is in force, what is kept and what people hear."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from health.state import State
from processor.delivery import Delivery
from processor.keeper import Bearings, Keeper
from processor.rule_book import RuleBook
from processor.rule_files import load_rules
from processor.rule_watch import RuleWatch
from store.engine import StoreUnavailable, reading
from store.incidents import list_incidents
from store.model import HUB, Incident
from store.rule_files import rule_files
from tests.unit.processor.deliveries import TOKEN, canary, delivery, readings, wall_ms
from tests.unit.processor.test_rule_book import entry, write


class Hub:
    """A processor without a broker; its clock goes 5 s on with every look."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._now_ms = engine, wall_ms(0)
        bearings = Bearings("here", TOKEN, lambda: self._now_ms, lambda: 0)
        with reading(engine) as connection:
            remembered = {file.name: file.content for file in rule_files(connection)}
        book = RuleBook(load_rules(), folder, remembered)
        book.look()
        self.keeper = Keeper(engine, book.rules, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)
        self.watch = RuleWatch(book, self.keeper, remembered)
        self.keeper.keep([canary(0)])

    def look(self) -> None:
        self._now_ms += 5_000
        self.watch.look()

    def open_incidents(self) -> list[Incident]:
        with reading(self._engine) as connection:
            return list_incidents(connection, "open", None, None, 10)

    def kept(self) -> dict[str, str]:
        with reading(self._engine) as connection:
            return {file.name: file.content for file in rule_files(connection)}


def test_an_error_is_an_incident_of_the_hub_until_it_is_mended(store_engine: Engine, tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", entry("mine"))
    hub = Hub(store_engine, tmp_path)
    hub.look()
    assert hub.open_incidents() == []
    assert hub.kept() == {"mine.yaml": entry("mine")}
    write(tmp_path / "mine.yaml", "no list", at=2)
    hub.look()
    [incident] = hub.open_incidents()
    assert (incident.key.agent_id, incident.key.rule, incident.key.subject) == (HUB, "rule-files", "mine.yaml")
    assert incident.severity is State.WARNING
    assert "mine.yaml: must be a list of rules" in incident.sentence

    restarted = Hub(store_engine, tmp_path)
    restarted.look()
    assert [one.number for one in restarted.open_incidents()] == [incident.number]
    restarted.keeper.keep([_tagged(delivery(readings(1, {"load": 99.0})))])
    assert {one.key.rule for one in restarted.open_incidents()} == {"rule-files", "mine"}

    write(tmp_path / "mine.yaml", entry("mine", limit=500), at=3)
    restarted.look()
    assert {one.key.rule for one in restarted.open_incidents()} == {"mine"}
    assert restarted.kept() == {"mine.yaml": entry("mine", limit=500)}


def test_one_that_is_not_the_active_processor_writes_nothing(store_engine: Engine, tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", "no list")
    hub = Hub(store_engine, tmp_path)
    hub.keeper.release()
    hub.look()
    assert hub.open_incidents() == []
    hub.keeper.keep([_tagged(canary(0))])
    hub.look()
    assert [one.key.rule for one in hub.open_incidents()] == ["rule-files"]


def test_what_the_database_did_not_take_is_told_again(
    store_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "mine.yaml", "no list")
    hub = Hub(store_engine, tmp_path)
    hub.look()
    write(tmp_path / "mine.yaml", entry("mine").replace("mine", "My rule", 1), at=2)
    with monkeypatch.context() as broken:
        broken.setattr("processor.keeper.ingest.keep_batch", _away)
        with pytest.raises(StoreUnavailable):
            hub.look()
    hub.look()
    [incident] = hub.open_incidents()
    assert "must be a list of rules" not in incident.sentence


def _away(*_: object) -> None:
    raise StoreUnavailable("it does not answer")


def _tagged(one: Delivery) -> Delivery:
    return replace(one, tag=2)
