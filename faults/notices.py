"""The checker's C6: whom the processor told, against what the sinks heard. Pure functions, one a rule."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from faults.flights import End, Flight
from faults.missing import missing
from faults.sink import Heard, Mode
from faults.told import Life, Told
from processor.findings import AGENT_SILENT, GROUP_SILENT, PIPELINE
from store.outbox import OPENERS
from store.response import Notice, NoticeKind

MOMENT_MS = 8_000  # what is over sooner may be told to nobody; it holds a grouping time and a pass of the desk
LONG_MS = 60_000  # the same where deaths or a broken receiver came between


def told_as_it_should_be(told: Told) -> list[str]:
    """All of C6 that holds at any time."""
    return [
        *late_is_told_to_nobody(told),
        *delivered_was_heard(told),
        *ends_have_their_problem(told),
        *nothing_is_told_twice(told),
        *dead_for_a_reason(told),
        *one_owner_at_a_time(told),
    ]


def told_in_the_end(told: Told) -> list[str]:
    """What of C6 becomes true a while after the last fault."""
    return [*nothing_waits(told), *transitions_are_told(told)]


def endless_troubles(told: Told) -> list[Life]:
    """What is said of all records or of many hosts, and is open although everything is well."""
    return [life for life in told.lives if life.rule in (PIPELINE.rule, GROUP_SILENT.rule) and _is_endless(life, told)]


def late_is_told_to_nobody(told: Told) -> list[str]:
    late = {life.number for life in told.lives if life.is_late}
    kept = {item.dedup_key for item in told.notices if item.number in late}
    return missing("C6: told of what late records alone show", kept | {x.key for x in told.heard if x.number in late})


def delivered_was_heard(told: Told) -> list[str]:
    """What the outbox calls delivered was taken by its sink; and nobody else signs."""
    wrong = missing("C6: a request that is not signed as it should be", {x.key for x in told.heard if not x.is_genuine})
    for channel in told.modes:
        taken = {item.key for item in told.taken(channel)}
        delivered = {item.dedup_key for item in told.of(channel) if item.delivered_ms is not None}
        wrong += missing("C6: noted as delivered and never heard of by the receiver", delivered - taken)
    return wrong


def ends_have_their_problem(told: Told) -> list[str]:
    """A recovery comes once, after its problem, and nothing comes after it: in the outbox and at each sink."""
    wrong: set[str] = set()
    for (number, channel), its in _by_incident(told).items():
        ends = [item for item in its if item.kind is NoticeKind.RECOVERY]
        openers = [item for item in its if item.kind in OPENERS]
        problems = [item for item in openers if item.kind is NoticeKind.PROBLEM and item.dead_ms is None]
        if len(ends) > 1 or len(problems) > 1 or (ends and not openers):
            wrong.add(f"#{number} on {channel}: {[item.kind.value for item in its]}")
    for channel in told.modes:
        heard: dict[int, list[Heard]] = defaultdict(list)
        for item in _first_copies(told.taken(channel)):
            heard[item.number].append(item)
        for number, its_heard in heard.items():
            kinds = [item.transition.kind for item in its_heard]
            if NoticeKind.RECOVERY in kinds and (
                kinds[0] not in OPENERS or kinds.index(NoticeKind.RECOVERY) != len(kinds) - 1
            ):
                wrong.add(f"#{number} at {channel}: {kinds}")
    return missing("C6: an end without its problem before it, or not the last of it", wrong)


def nothing_is_told_twice(told: Told) -> list[str]:
    """The same key comes twice only when a processor died while it sent just that; the same news never has two keys.

    A death ends one flight of a notice, and a flight explains the one copy that follows it. What was refused for good
    is told anew under another key.
    """
    unexplained = {second.key for first, second in copies(told) if not _died_in_flight(told, first, second)}
    keys: dict[tuple[str, object], set[str]] = defaultdict(set)
    for item in told.heard:
        is_paired = item.transition.kind in (NoticeKind.PROBLEM, NoticeKind.RECOVERY)
        if is_paired and item.mode is not Mode.GONE:
            keys[item.channel, item.transition].add(item.key)
    doubled = {f"{channel}: {sorted(its)}" for (channel, _), its in keys.items() if len(its) > 1}
    return [
        *missing("C6: told twice, and nobody died in the middle of telling it", unexplained),
        *missing("C6: sent again by one who knew better", sent_for_nothing(told)),
        *missing("C6: heard of and never sent", {item.key for item in told.heard if _flight_of(told, item) is None}),
        *missing("C6: two keys for the same news", doubled),
    ]


def copies(told: Told) -> Iterator[tuple[Heard, Heard]]:
    """Each notice that a sink took once more, with the time before."""
    for channel in told.modes:
        before: dict[str, Heard] = {}
        for item in told.taken(channel):
            if item.key in before:
                yield before[item.key], item
            before[item.key] = item


def sent_for_nothing(told: Told) -> set[str]:
    """Notices that were sent again after a flight that neither failed nor died, whoever heard it."""
    before: dict[str, End] = {}
    wrong: set[str] = set()
    for flight in told.flights:
        if before.get(flight.key) in (End.NOTED, End.OPEN):
            wrong.add(flight.key)
        before[flight.key] = flight.end
    return wrong


def dead_for_a_reason(told: Told) -> list[str]:
    """A notice is given up only where its receiver said that there is nobody."""
    dead = {
        item.dedup_key
        for channel, modes in told.modes.items()
        for item in told.of(channel)
        if item.dead_ms is not None and Mode.GONE not in modes
    }
    return missing("C6: given up, and trying again would have helped", dead)


def one_owner_at_a_time(told: Told) -> list[str]:
    """Who writes holds the newest claim; a claim is one process's; an older one never writes again."""
    wrong: set[str] = set()
    owners: dict[int, int] = {}
    newest = 0
    for claim, process_id in told.fenced:
        if claim < newest:
            wrong.add(f"claim {claim} wrote after claim {newest}")
        if owners.setdefault(claim, process_id) != process_id:
            wrong.add(f"claim {claim} has two processes")
        newest = max(newest, claim)
    return missing("C6: two owners", wrong)


def nothing_waits(told: Told) -> list[str]:
    waiting = {
        item.dedup_key
        for channel in set(told.modes) - set(told.unreachable)
        for item in told.of(channel)
        if item.delivered_ms is None and item.dead_ms is None and item.cancelled_ms is None
    }
    return missing("C6: still waits", waiting)


def transitions_are_told(told: Told) -> list[str]:
    """Each incident that lasted was told, and each end of one that was told."""
    untold: set[str] = set()
    notices = _by_incident(told)
    for channel in set(told.modes) - set(told.unreachable):
        for life in told.lives:
            its = notices.get((life.number, channel), [])
            openers = [item for item in its if item.kind in OPENERS]
            if openers:
                if life.to_ms is not None and not any(item.kind is NoticeKind.RECOVERY for item in its):
                    untold.add(f"the end of #{life.number} ({life.rule}) on {channel}")
            elif _must_be_told(life, channel, told):
                untold.add(f"#{life.number} ({life.rule}) on {channel}")
    return missing("C6: not told", untold)


def _must_be_told(life: Life, channel: str, told: Told) -> bool:
    """Not what is late, dead, over too soon, or explained by a silence that nobody outside can date exactly."""
    is_dead = any(item.number == life.number and item.dead_ms is not None for item in told.of(channel))
    shortest_ms = MOMENT_MS if told.is_steady(channel) else LONG_MS
    if life.is_late or is_dead or _is_explained(life, told, life.from_ms + shortest_ms):
        return False
    return life.to_ms is None or life.to_ms - life.from_ms > shortest_ms


def _is_explained(life: Life, told: Told, due_ms: int) -> bool:
    """By a silence that was there before people had to hear of it: one that goes on with good reason, or that was open
    until shortly before the life was over."""
    for other in told.lives:
        is_anothers = other.rule == AGENT_SILENT.rule and other.agent_id != life.agent_id
        if not other.is_of_silence or is_anothers or other.is_late or other.number == life.number:
            continue
        if other.to_ms is None:
            lasts = not _is_endless(other, told)
        else:
            lasts = life.to_ms is not None and other.to_ms >= max(life.from_ms, life.to_ms - LONG_MS)
        if lasts and other.from_ms <= due_ms:
            return True
    return False


def _is_endless(silence: Life, told: Told) -> bool:
    """Open in the end although nobody is dead; the way of all records is well then."""
    return silence.to_ms is None and (silence.rule == PIPELINE.rule or not told.buried)


def _died_in_flight(told: Told, first: Heard, second: Heard) -> bool:
    """Whether the flight that brought the first one ended in a death, and another one brought the second."""
    flight = _flight_of(told, first)
    return flight is not None and flight.end is End.DIED and flight is not _flight_of(told, second)


def _flight_of(told: Told, heard: Heard) -> Flight | None:
    """The newest that had begun when it was heard."""
    its = [flight for flight in told.flights if flight.key == heard.key and flight.sent_ms <= heard.at_ms]
    return its[-1] if its else None


def _by_incident(told: Told) -> Mapping[tuple[int, str], list[Notice]]:
    """What was delivered, oldest first."""
    found: dict[tuple[int, str], list[Notice]] = defaultdict(list)
    for item in sorted(told.notices, key=lambda each: each.delivered_ms or 0):
        if item.delivered_ms is not None and item.number is not None:
            found[item.number, item.channel].append(item)
    return found


def _first_copies(heard: list[Heard]) -> Iterator[Heard]:
    seen: set[str] = set()
    for item in heard:
        if item.key not in seen:
            seen.add(item.key)
            yield item
