"""Nobody is called silent who speaks: what the witness must have seen before the checker says so."""

from dataclasses import replace

from faults.evidence import IncidentStep, Kept, StoredSnapshot
from faults.timers import endless_families, false_silences, families_of_nobody, missed_silences
from faults.witness import Confirm, Key, Witnessed

AGENT, EPOCH = "a1", 1 << 32
SILENT_MS = 100_000


def silence(
    change: str = "opened", at_ms: int = SILENT_MS, agent_id: str = AGENT, *, is_late: bool = False
) -> IncidentStep:
    return IncidentStep(agent_id, 1, at_ms, "agent-silent", "", change, at_ms, is_late)


def family(at_ms: int = SILENT_MS) -> IncidentStep:
    return IncidentStep("", 1, at_ms, "group-silent", "fleet", "opened", at_ms)


def kept(*steps: IncidentStep) -> Kept:
    snapshot = StoredSnapshot(Key(AGENT, EPOCH, 1), 0, 0, {}, {"interval_seconds": 1.0})
    return Kept(snapshots=[snapshot], incidents=list(steps))


def spoke(*records: tuple[int, int, str]) -> Witnessed:
    """Each as it was made, confirmed, and over which connection."""
    seen = Witnessed()
    for seq, (made_ms, confirmed_ms, connection) in enumerate(records):
        seen.made_ms[Key(AGENT, EPOCH, seq)] = made_ms
        seen.confirms.append(Confirm(Key(AGENT, EPOCH, seq), confirmed_ms, connection))
    return seen


FRESH, AFTER = (90_000, 90_050, "1"), (101_000, 101_050, "1")


def test_a_silence_between_two_records_of_one_connection_is_false() -> None:
    assert false_silences(spoke(FRESH, AFTER), kept(silence())) == {silence()}


def test_what_can_be_true_is_let_be() -> None:
    for records in (
        [],
        [FRESH],  # it may have died
        [FRESH, (101_000, 101_050, "2")],  # its connection ended
        [(86_000, 90_050, "1"), AFTER],  # nothing new for its patience
        [(90_000, 100_050, "1"), AFTER],  # not in the queue yet
        [FRESH, (99_000, 101_050, "1")],  # made before; the answer may have come too late
    ):
        assert false_silences(spoke(*records), kept(silence())) == set(), records


def test_history_names_no_moment() -> None:
    assert false_silences(spoke(FRESH, AFTER), kept(silence(is_late=True))) == set()


def test_many_are_silent_together_only_when_they_are() -> None:
    three = [silence(agent_id=f"a{number}") for number in range(3)]
    assert families_of_nobody(kept(*three, family())) == set()
    assert families_of_nobody(kept(*three[1:], family())) == {family()}
    heard = silence("closed", SILENT_MS - 1, "a0")
    assert families_of_nobody(kept(silence(at_ms=1, agent_id="a0"), heard, *three[1:], family())) == {family()}


def test_many_are_silent_for_ever_only_when_they_are() -> None:
    three = [silence(agent_id=f"a{number}") for number in range(3)]
    assert endless_families(kept(*three, family())) == set()
    heard = silence("closed", SILENT_MS + 1, "a0")
    assert endless_families(kept(*three, family(), heard)) == {family()}
    ended = replace(family(), change="closed", at_ms=SILENT_MS + 2)
    assert endless_families(kept(*three, family(), heard, ended)) == set()


def test_the_dead_are_silent_in_the_end() -> None:
    assert missed_silences(kept(silence()), [AGENT]) == set()
    assert missed_silences(kept(silence(), silence("closed", SILENT_MS + 1)), [AGENT]) == {AGENT}
    assert missed_silences(kept(), [AGENT]) == {AGENT}
