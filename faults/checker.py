"""The checker: from what the witness saw and what the database holds to what is wrong. Pure functions, one a rule."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from faults.evidence import REUSE_REASONS, UNREADABLE, Kept
from faults.missing import missing
from faults.reference import Differences, differences
from faults.timers import (
    endless_families,
    endless_silences,
    false_silences,
    families_of_nobody,
    impossible_steps_of_timers,
    missed_silences,
)
from faults.way import false_troubles_of_the_way, open_troubles_of_the_way
from faults.witness import Content, Key, Witnessed
from processor.findings import CLOCK_SKEW, OWN_RULES, SILENCE_RULES

MOST_SPOOL_BYTES = 65 * 1024 * 1024
MOST_AGENT_RSS_BYTES = 40_000_000  # of a plain one, the witness in it
MOST_PROCESSOR_RSS_BYTES = 300 * 1024 * 1024
LADEN_AGENT_RSS_BYTES = 60 * 1024 * 1024  # with 200 kB a snapshot
DAMAGE = frozenset(
    {
        "bad-compression",
        "foreign-agent-id",
        "invalid-message",
        "invalid-record",
        "mixed-epochs",
        "not-json",
        "nul-character",
        "record-count",
        "too-deep",
        "too-large",
        "unknown-encoding",
        "unknown-version",
    }
)
"""Why a message that was damaged, or never was one, lies in quarantine."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """What a fault may bring about: reasons for records named as lost and for what lies in quarantine, rules of
    incidents about the agent itself. `most_agent_rss_bytes` is for agents that the row itself makes larger.
    """

    losses: Collection[str] = ()
    quarantines: Collection[str] = ()
    incidents: Collection[str] = ()
    most_agent_rss_bytes: int = MOST_AGENT_RSS_BYTES


NOTHING = Excuse()


@dataclass(frozen=True, slots=True)
class Measured:
    """The largest sizes seen in a run, in bytes."""

    spool_bytes: int = 0
    agent_rss_bytes: int = 0
    processor_rss_bytes: int = 0


@dataclass
class Verdict:
    """What one run came to. Green means no violations. `quarantined` are records of agents that lie there,
    `judged_steps` the changes of incidents that C4 held against its own fold.
    """

    offered: int = 0
    stored: int = 0
    quarantined: int = 0
    declared: int = 0
    copies: int = 0
    duplicates: int = 0
    drain_seconds: float = 0.0
    judged_agents: int = 0
    judged_steps: int = 0
    violations: list[str] = field(default_factory=list)


def judge(
    seen: Witnessed,
    kept: Kept,
    measured: Measured,
    drain_seconds: float,
    excuse: Excuse = NOTHING,
    *,
    restarts_ms: Sequence[int] = (),
    dead: Collection[str] = (),
    is_about_incidents: bool = False,
) -> Verdict:
    """All rules on one finished run; `excuse` is what its fault may bring about.

    What a processor reads before its first own canary is history: around each of `restarts_ms` nobody outside knows
    which records those are. `dead` are agents that had no disk and were dead for long in the end. A row that
    `is_about_incidents` proves nothing without any.
    """
    seen = seen.without_tails_of(dead)
    clocks_hold = CLOCK_SKEW.rule not in excuse.incidents
    differs = differences(kept, restarts_ms=restarts_ms, clocks_hold=clocks_hold)
    return Verdict(
        offered=len(seen.offered),
        stored=len(kept.stored_keys),
        quarantined=len(kept.quarantined_keys & set(seen.intents)),
        declared=len(kept.declared_keys),
        copies=seen.copies,
        duplicates=sum(row.duplicates for row in kept.accounts),
        drain_seconds=drain_seconds,
        judged_agents=len(differs.judged_agents),
        judged_steps=differs.judged_steps,
        violations=[
            *confirmed_is_kept(seen, kept),
            *quarantine_has_a_cause(kept, excuse),
            *offered_is_accounted(seen, kept),
            *numbers_have_no_holes(seen, kept),
            *numbers_are_given_once(seen, excuse),
            *losses_have_a_cause(kept, excuse),
            *stored_was_offered(seen, kept),
            *nothing_is_twice(kept),
            *incidents_as_by_the_book(differs, is_about_incidents=is_about_incidents),
            *silence_is_true(seen, kept, dead),
            *incidents_can_be(kept, excuse),
            *account_agrees(seen, kept),
            *bounds_hold(measured, excuse),
        ],
    )


def confirmed_is_kept(seen: Witnessed, kept: Kept) -> list[str]:
    """C1: what the broker confirmed is stored or in quarantine, not only another record of its number."""
    gone = seen.confirmed - kept.stored_keys - kept.quarantined_keys
    return [
        *missing("C1: confirmed by the broker, neither stored nor quarantined", gone),
        *missing("C1: confirmed, and only another record of its number is here", _replaced(seen.confirmations, kept)),
    ]


def quarantine_has_a_cause(kept: Kept, excuse: Excuse) -> list[str]:
    """C1: quarantine is for what only a fault can make of a record, or a stranger sends."""
    times = Counter(row.reason for row in kept.quarantined if row.reason not in excuse.quarantines)
    return missing("C1: in quarantine without need", {f"{count} {reason}" for reason, count in times.items()})


def offered_is_accounted(seen: Witnessed, kept: Kept) -> list[str]:
    """C2: what an agent offered is stored, in quarantine or named as lost, not only another record of its number."""
    replaced = _replaced(seen.offers, kept) - kept.named_keys
    return [
        *missing("C2: offered and unexplained", seen.offered - kept.accounted),
        *missing("C2: offered, and only another record of its number is here", replaced),
    ]


def numbers_have_no_holes(seen: Witnessed, kept: Kept) -> list[str]:
    """C2: and so is each number below the highest one known of an epoch, whoever gave it."""
    highest: dict[tuple[str, int], int] = {}
    for key in kept.accounted | seen.offered:
        life = (key.agent_id, key.epoch)
        highest[life] = max(highest.get(life, 0), key.seq)
    numbers = {Key(*life, seq) for life, last in highest.items() for seq in range(1, last + 1)}
    return missing("C2: a number without a record", numbers - kept.accounted - seen.offered)


def numbers_are_given_once(seen: Witnessed, excuse: Excuse) -> list[str]:
    """C3: no two records have one number, unless the row makes an agent forget what it gave."""
    times = Counter(content.key for content in seen.offers)
    twice = set() if REUSE_REASONS & set(excuse.quarantines) else {key for key in times if times[key] > 1}
    return missing("C3: a number given to two records", twice)


def losses_have_a_cause(kept: Kept, excuse: Excuse) -> list[str]:
    """C2: naming a record lost is for faults that leave no other way."""
    reasons = {loss.reason for loss in kept.losses} | ({"disk"} if kept.died_in_memory else set())
    return missing("C2: records named as lost without need", reasons - set(excuse.losses))


def stored_was_offered(seen: Witnessed, kept: Kept) -> list[str]:
    """C3: what is stored was offered with this content. Agents that a row plays itself have no witness."""
    witnessed = {key.agent_id for key in seen.intents}
    known = [(key, digest) for key, digest in kept.stored if key.agent_id in witnessed]
    foreign = {key for key, _ in known if key not in seen.intents}
    changed = {key for key, digest in known if key in seen.intents and digest not in seen.intents[key]}
    return [
        *missing("C3: stored and never offered", foreign),
        *missing("C3: stored with other content than offered", changed),
    ]


def nothing_is_twice(kept: Kept) -> list[str]:
    """C3: no number has two rows."""
    times = Counter(key for key, _ in kept.stored)
    return missing("C3: stored twice", {key for key in times if times[key] > 1})


def incidents_as_by_the_book(differs: Differences, *, is_about_incidents: bool) -> list[str]:
    """C4: the incidents are those of a fold over what is stored, and those that late records alone show say so."""
    is_empty = is_about_incidents and not differs.judged_steps
    return [
        *(["C4 judged nothing: no incident began or ended, have a Switch turn"] if is_empty else []),
        *missing("C4: a change of an incident that should be there", differs.missing),
        *missing("C4: a change of an incident that should not be there", differs.foreign),
        *missing("C4: history that is called news, or news history", differs.misdated),
    ]


def silence_is_true(seen: Witnessed, kept: Kept, dead: Collection[str]) -> list[str]:
    """C4: nobody is called silent who speaks, and who is dead is; so with many together, and with their way."""
    return [
        *missing("C4: called silent while it spoke", false_silences(seen, kept)),
        *missing("C4: a silence that never ended", endless_silences(kept)),
        *missing("C4: many called silent together, and they were not", families_of_nobody(kept)),
        *missing("C4: many called silent together for ever", endless_families(kept)),
        *missing("C4: dead and not called silent", missed_silences(kept, dead)),
        *missing("C4: the way called broken while records came at once", false_troubles_of_the_way(kept)),
        *missing("C4: the way called broken for ever", open_troubles_of_the_way(kept)),
    ]


def incidents_can_be(kept: Kept, excuse: Excuse) -> list[str]:
    """C4: no timer rings before its time, and there is no incident about our own mistakes."""
    own = {step for step in kept.incidents if step.rule in OWN_RULES - SILENCE_RULES - set(excuse.incidents)}
    return [
        *missing("C4: an incident that no timer can have opened", impossible_steps_of_timers(kept)),
        *missing("C4: an incident about the account itself", own),
    ]


def account_agrees(seen: Witnessed, kept: Kept) -> list[str]:
    """The ledger: what the processor keeps in its account is what the rows say, and at rest nothing is open."""
    wrong: list[str] = []
    for row in kept.accounts:
        life = (row.agent_id, row.epoch)
        own = {
            "stored": _of_life(kept.stored_keys, life),
            "quarantined": _of_life(kept.quarantined_keys - kept.stored_keys, life),
            "declared": _of_life(kept.declared_keys, life),
        }
        told = {"stored": row.stored, "quarantined": 0, "declared": 0, **row.gaps}
        counted = {name: len(keys) for name, keys in own.items()} | {"open": 0, "unexplained": 0}
        wrong += [
            f"account: {row.agent_id} epoch {row.epoch} says {told[name]} {name}, counted {counted.get(name, 0)}"
            for name in told
            if told[name] != counted.get(name, 0)
        ]
        if row.assigned_seq != row.stored + sum(row.gaps.values()):
            wrong.append(f"account: {row.agent_id} epoch {row.epoch} does not add up: {row}")
    known = {(row.agent_id, row.epoch) for row in kept.accounts}
    return wrong + missing("account: epochs without one", _lives(seen.offered) - known)


def bounds_hold(measured: Measured, excuse: Excuse) -> list[str]:
    """C7: nothing grew beyond its bound."""
    bounds = (
        ("an agent's spool", measured.spool_bytes, MOST_SPOOL_BYTES),
        ("an agent's memory", measured.agent_rss_bytes, excuse.most_agent_rss_bytes),
        ("the processor's memory", measured.processor_rss_bytes, MOST_PROCESSOR_RSS_BYTES),
    )
    return [f"C7: {what} has {size} bytes, allowed are {most}" for what, size, most in bounds if size > most]


def _lives(keys: Collection[Key]) -> set[tuple[str, int]]:
    return {(key.agent_id, key.epoch) for key in keys}


def _of_life(keys: Collection[Key], life: tuple[str, int]) -> set[Key]:
    return {key for key in keys if (key.agent_id, key.epoch) == life}


def _replaced(contents: Collection[Content], kept: Kept) -> set[Key]:
    """Numbers that are here, and not with all of these contents."""
    here = kept.contents
    known = kept.stored_keys | kept.quarantined_keys
    absent = (content for content in contents if content not in here)
    return {key for key, _ in absent if key in known and Content(key, UNREADABLE) not in here}
