"""What is journaled is read back whole, in parts, and after a writer that died in the middle of a line."""

import time
from pathlib import Path

from faults.witness import Content, Journal, Key, Reader, Witnessed

FIRST, SECOND = Key("a", 1, 1), Key("a", 1, 2)
FIRST_RECORD, SECOND_RECORD = Content(FIRST, "d1"), Content(SECOND, "d2")


def test_events_are_read_as_they_come(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    journal = Journal(tmp_path / "agent.journal")
    journal.write("intent", [FIRST_RECORD])
    journal.write("offered", [FIRST_RECORD])
    assert reader.look().offered == {FIRST}
    journal.write("published", [FIRST_RECORD, SECOND_RECORD])
    journal.write("published", [FIRST_RECORD])
    journal.write("confirmed", [FIRST_RECORD])
    seen = reader.look()
    assert (seen.intents, seen.published, seen.confirmed) == ({FIRST: {"d1"}}, [FIRST, SECOND, FIRST], {FIRST})
    assert seen.copies == 1


def test_a_number_given_again_has_both_contents(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.journal")
    for record in (FIRST_RECORD, Content(FIRST, "d2")):
        for event in ("intent", "offered", "confirmed"):
            journal.write(event, [record])
    seen = Reader(tmp_path).look()
    assert seen.intents == {FIRST: {"d1", "d2"}}
    assert seen.offers == seen.confirmations == {FIRST_RECORD, Content(FIRST, "d2")}
    assert seen.offered == seen.confirmed == {FIRST}


def test_a_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "agent.journal"
    Journal(file).write("offered", [FIRST_RECORD, SECOND_RECORD])
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    reader = Reader(tmp_path)
    assert reader.look().offered == {FIRST}
    file.write_bytes(whole)
    assert reader.look().offered == {FIRST, SECOND}


def test_a_confirm_says_when_and_over_which_connection(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.journal")
    before_ms = time.time_ns() // 1_000_000
    journal.write("intent", [FIRST_RECORD])
    journal.write("confirmed", [FIRST_RECORD], "7/1")
    seen = Reader(tmp_path).look()
    (confirm,) = seen.confirms
    assert (confirm.key, confirm.connection) == (FIRST, "7/1")
    assert seen.made_ms[FIRST] <= confirm.at_ms
    assert abs(seen.made_ms[FIRST] - before_ms) < 60_000  # the wall clock, and not the machine's own


def test_who_dies_with_its_memory_takes_only_its_last_unconfirmed_records_along() -> None:
    seen = Witnessed(offers={FIRST_RECORD, SECOND_RECORD, Content(Key("a", 1, 3), "d3")}, confirmations={SECOND_RECORD})
    assert seen.without_tails_of(["a"]).offered == {FIRST, SECOND}
    assert seen.without_tails_of(["b"]).offered == seen.offered
