"""Two people at once: what one alone may do, one alone does."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Engine

from store import fence
from store.dependencies import DependencyCycle, add_dependency, dependencies
from store.engine import reading, transaction
from store.incident_acts import Acted, acknowledge, add_note
from store.incidents import get_incident
from store.ingest import keep_batch
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change
from tests.contract.store.test_store_dependencies import behind

PEOPLE = 6
DEADLINE_SECONDS = 60
Seen = TypeVar("Seen")


def at_once(act: Callable[[int], Seen]) -> Sequence[Seen]:
    """What each of them saw, all having begun together."""
    start = Barrier(PEOPLE)

    def begin(number: int) -> Seen:
        start.wait(DEADLINE_SECONDS)
        return act(number)

    with ThreadPoolExecutor(PEOPLE) as people:
        return list(people.map(begin, range(PEOPLE), timeout=DEADLINE_SECONDS))


def test_one_of_many_acknowledges_and_every_note_is_kept(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    number = keep_batch(store_engine, batch(incidents=[change()]), epoch).incident_numbers[KEY]

    def act(person: int) -> Acted:
        with transaction(store_engine) as connection:
            add_note(connection, number, str(person), NOW_MS, "I was here")
            return acknowledge(connection, number, str(person), NOW_MS)

    assert sorted(at_once(act)) == [Acted.ALREADY] * (PEOPLE - 1) + [Acted.DONE]
    with reading(store_engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    assert {one.author for one in incident.timeline if one.sentence == "I was here"} == set(map(str, range(PEOPLE)))


def test_a_ring_put_together_at_once_stays_open(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    keep_batch(store_engine, batch(agents=[agent(str(number)) for number in range(PEOPLE)]), epoch)

    def act(person: int) -> bool:
        try:
            with transaction(store_engine) as connection:
                add_dependency(connection, behind(str(person), str((person + 1) % PEOPLE)))
        except DependencyCycle:
            return False
        return True

    assert sum(at_once(act)) == PEOPLE - 1
    with reading(store_engine) as connection:
        assert len(dependencies(connection)) == PEOPLE - 1
