"""A folder of one's own rules beside a running processor: changed, broken and mended without a restart."""

from itertools import count
from pathlib import Path

from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from store.engine import reading
from store.incidents import open_incidents
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import envelope, publish
from tests.unit.processor.deliveries import readings
from tests.unit.processor.test_rule_book import entry, write
from tests.waiting import wait_for


def test_rules_change_break_and_are_mended_while_it_runs(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine, tmp_path: Path
) -> None:
    numbers = count(1)

    def open_rules() -> set[str]:
        """What is open a moment after one more snapshot."""
        publish(channel, envelope(readings(next(numbers), {"load": 99.0, "heat": 99.0})))
        with reading(store_engine) as connection:
            return {incident.rule for incident in open_incidents(connection)}

    rules = tmp_path / "rules"
    rules.mkdir()
    write(rules / "mine.yaml", entry("mine"))
    start_processor(HEALTHMON_RULES_DIR=str(rules))
    wait_for(lambda: "mine" in open_rules(), "the rule opens an incident")
    write(rules / "mine.yaml", entry("mine") + entry("heat", metric="heat") + "- {id: third}\n", at=2)
    wait_for(lambda: {"mine", "heat", "rule-files"} <= open_rules(), "a new rule is in force, and the error is told")
    write(rules / "mine.yaml", entry("mine"), at=3)
    wait_for(lambda: "mine" in (now := open_rules()) and not now & {"heat", "rule-files"}, "both have ended")
