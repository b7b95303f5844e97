"""What is journaled is read back whole, in parts, and after a writer that died in the middle of a line."""

import time
from pathlib import Path

from faults.witness import Journal, Key, Reader, Witnessed

FIRST, SECOND = Key("a", 1, 1), Key("a", 1, 2)


def test_events_are_read_as_they_come(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    journal = Journal(tmp_path / "agent.journal")
    journal.write("intent", [FIRST], "d1")
    journal.write("offered", [FIRST])
    assert reader.look().offered == {FIRST}
    journal.write("published", [FIRST, SECOND])
    journal.write("published", [FIRST])
    journal.write("confirmed", [FIRST])
    seen = reader.look()
    assert (seen.intents, seen.published, seen.confirmed) == ({FIRST: {"d1"}}, [FIRST, SECOND, FIRST], {FIRST})
    assert seen.copies == 1


def test_a_number_given_again_has_both_contents(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.journal")
    journal.write("intent", [FIRST], "d1")
    journal.write("intent", [FIRST], "d2")
    assert Reader(tmp_path).look().intents == {FIRST: {"d1", "d2"}}


def test_a_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "agent.journal"
    Journal(file).write("offered", [FIRST, SECOND])
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    reader = Reader(tmp_path)
    assert reader.look().offered == {FIRST}
    file.write_bytes(whole)
    assert reader.look().offered == {FIRST, SECOND}


def test_a_confirm_says_when_and_over_which_connection(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.journal")
    before_ms = time.time_ns() // 1_000_000
    journal.write("intent", [FIRST], "d1")
    journal.write("confirmed", [FIRST], "7/1")
    seen = Reader(tmp_path).look()
    (confirm,) = seen.confirms
    assert (confirm.key, confirm.connection) == (FIRST, "7/1")
    assert seen.made_ms[FIRST] <= confirm.at_ms
    assert abs(seen.made_ms[FIRST] - before_ms) < 60_000  # the wall clock, and not the machine's own


def test_who_dies_with_its_memory_takes_only_its_last_unconfirmed_records_along() -> None:
    seen = Witnessed(offered={FIRST, SECOND, Key("a", 1, 3)}, confirmed={SECOND})
    assert seen.without_tails_of(["a"]).offered == {FIRST, SECOND}
    assert seen.without_tails_of(["b"]).offered == seen.offered
