"""Who fell silent together."""

from processor.silence.family import Fallen, FamilyBook, families_of, family_of
from processor.silence.verdict import Verdict
from store.model import Agent
from tests.unit.silence.world import agent

DOWN = Verdict.HOST_OR_UPLINK_DOWN


def fleet(*agents: Agent) -> dict[str, Agent]:
    return {one.agent_id: one for one in agents}


def silent(ids: str, *, apart_ms: int = 1000, verdict: Verdict = DOWN) -> dict[str, Fallen]:
    return {agent_id: Fallen(1_000_000 + number * apart_ms, verdict) for number, agent_id in enumerate(ids.split())}


GROUP = fleet(*(agent(name, group="site-b") for name in "abcdef"), *(agent(name) for name in "uvwxyz"))


def test_half_of_a_group_and_three_at_least() -> None:
    family = family_of("a", silent("a b c"), GROUP)
    assert family is not None
    assert family.sentence == "3 of 6 agents of group site-b fell silent within 2 s: their uplink, not the hosts"
    assert family.key.subject == 'group="site-b"'
    assert families_of(silent("a b"), GROUP) == {}
    assert families_of(silent("u v w"), GROUP) == {}


def test_two_of_two_are_no_family() -> None:
    assert families_of(silent("a b"), fleet(agent("a", group="g"), agent("b", group="g"))) == {}


def test_a_network_where_there_is_no_group() -> None:
    near = {name: agent(name, peer_host=f"10.0.0.{number}") for number, name in enumerate("abc", 1)}
    family = family_of("b", silent("a b c"), {**GROUP, **near})
    assert family is not None
    assert family.circle == ("network", "10.0.0.0/24")


def test_the_whole_fleet() -> None:
    family = family_of("u", silent("u v w x y z"), GROUP)
    assert family is not None
    assert family.sentence.startswith("6 of 12 agents fell silent within 5 s")


def test_more_than_a_minute_apart_is_not_together() -> None:
    assert families_of(silent("a b c", apart_ms=31_000), GROUP) == {}
    assert families_of(silent("a b c", apart_ms=30_000), GROUP) != {}


def test_who_was_silent_long_before_is_no_member() -> None:
    fallen = silent("a b c") | {"d": Fallen(0, DOWN)}
    family = family_of("a", fallen, GROUP)
    assert family is not None
    assert (family.silent, family.total) == (3, 5)
    assert family_of("d", fallen, GROUP) is None


def test_agents_that_died_together_do_not_blame_their_uplink() -> None:
    family = family_of("a", silent("a b c", verdict=Verdict.AGENT_DIED), GROUP)
    assert family is not None
    assert family.sentence.endswith("they share a cause: an update, a script, one machine")


def test_the_number_is_told_again_when_it_has_stopped_growing() -> None:
    book = FamilyBook()
    assert book.as_told(silent("a b c"), GROUP, 0)["a"].silent == 3
    six = silent("a b c d e f")
    assert book.as_told(six, GROUP, 1_000)["a"].silent == 3
    assert book.as_told(six, GROUP, 10_900)["a"].silent == 3
    assert book.as_told(six, GROUP, 11_000)["f"].silent == 6
