"""The checker's C5, as far as hosts act by themselves: what was called for, what was told of it, and what was done."""

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Engine, select

from faults.missing import missing
from rabbitmq.readings import parse_reading_name
from rabbitmq.records import Action
from store.engine import reading
from store.tables import record

Told = tuple[str, str]
"""The check that changed, and the outcome of the action that this called for."""


def read_actions(engine: Engine) -> list[Told]:
    """Every record of an action that is stored; raises StoreUnavailable."""
    with reading(engine) as connection:
        raw = connection.execute(select(record.c.raw).where(record.c.kind == "action")).scalars().all()
    actions = [msgspec.json.decode(body, type=Action) for body in raw]
    return [(_check_of(action), action.outcome) for action in actions]


def acted_once(called_for: Collection[str], told: Sequence[Told], done: Sequence[str]) -> list[str]:
    """C5: each change, named by its check, has one outcome; what it did it did once at most, and once if it says so."""
    outcomes, times = Counter(check for check, _ in told), Counter(done)
    wanted = set(called_for)
    return [
        *missing("C5: a change without an outcome", wanted - set(outcomes)),
        *missing("C5: more than one outcome", {check for check in outcomes if outcomes[check] > 1}),
        *missing("C5: acted without being called for", (set(outcomes) | set(times)) - wanted),
        *missing("C5: done twice", {check for check in times if times[check] > 1}),
        *missing("C5: called done and not done", {check for check, how in told if how == "done" and not times[check]}),
    ]


def _check_of(action: Action) -> str:
    return parse_reading_name(f"{action.rule}{{{action.subject}}}")[1].get("check", action.rule)
