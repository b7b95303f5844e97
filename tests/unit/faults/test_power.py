"""What a power cut cost is judged by the checker's own rule, by content and not by number alone."""

from faults.rows.power import PowerCut
from faults.witness import Content, Key

FIRST, SECOND = Content(Key("a", 1, 1), "x"), Content(Key("a", 1, 2), "y")


def test_what_is_found_is_not_lost() -> None:
    cut = PowerCut(frozenset({FIRST}), frozenset({SECOND}), frozenset({FIRST, SECOND}))
    assert cut.lost_of(cut.synced) == cut.lost_of(cut.newer) == []


def test_what_is_not_found_is_named() -> None:
    cut = PowerCut(frozenset({FIRST}), frozenset({SECOND}), frozenset({FIRST}))
    assert cut.lost_of(cut.synced) == []
    assert cut.lost_of(cut.newer) == ["C1: confirmed by the broker, neither stored nor quarantined: ('a', 1, 2)"]


def test_another_record_of_its_number_is_not_it() -> None:
    cut = PowerCut(frozenset(), frozenset({SECOND}), frozenset({Content(SECOND.key, "z")}))
    assert cut.lost_of(cut.newer) == ["C1: confirmed, and only another record of its number is here: ('a', 1, 2)"]
