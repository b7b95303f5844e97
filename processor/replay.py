"""`python -m processor.replay`: an edited rule file over kept snapshots, beside today's rules of the same ids.

One request as JSON on standard input, one answer as JSON on standard output. It bounds its own memory and time; what
started it bounds how many of them there are. It reads the store and changes nothing.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from heapq import merge
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from processor.rehearsal import Difference, Rehearsal, Rehearsed, difference
from processor.replay_course import Course, Limit
from processor.replayed_fleet import Moments, ReplayedFleet
from processor.rule import TIMED, Kind, Rule
from processor.rule_files import RuleFileError, load_rules, read_file
from store.dependencies import dependencies
from store.engine import StoreUnavailable, open_engine, reading
from store.model import HUB, Agent
from store.replays import Announcement, agents_of, announcements_between, incidents_between, snapshots_between
from store.rule_files import rule_files

MEMORY_BYTES = 256 << 20  # of addresses: about 100 MB for the program, the rest for what it reads
PROCESSOR_SECONDS = 60
LONGEST_REQUEST_BYTES = 256 * 1024  # 64 KiB of rules, escaped
MOST_SNAPSHOTS = 2_000_000
MOST_LISTED = 200


class Request(msgspec.Struct, kw_only=True):
    """The rule file and over what to run it: from `since_ms` to before `until_ms`, one agent or (None) all."""

    database_url: str
    file: str
    content: str
    since_ms: int
    until_ms: int
    agent_id: str | None = None
    seconds: float = 25.0


class Problem(msgspec.Struct):
    """What is wrong with the file, and where; `text` is all of it as the processor says it."""

    rule: str
    key: str
    message: str
    text: str


class Incident(msgspec.Struct):
    agent_id: str
    subject: str
    severity: str
    opened_ms: int
    closed_ms: int | None
    sentence: str
    number: int | None


class Outcome(msgspec.Struct, kw_only=True):
    """Of one rule: how many incidents, and the first of them. `today_count` is None when no such rule is in force."""

    rule: str
    sentence: str
    edited_count: int
    today_count: int | None
    edited: list[Incident]
    today: list[Incident]
    missed: list[Incident]
    missed_count: int


class Answer(msgspec.Struct, kw_only=True):
    """`ended` says what ended the replay before `until_ms`, empty when nothing did. With `problems` nothing was run.

    `began_ms` is the time of the first snapshot, None when there was none. `agents_behind` of the agents asked for
    stand behind others: dependencies are not applied.
    """

    problems: list[Problem] = []
    rules: list[Outcome] = []
    began_ms: int | None = None
    reached_ms: int = 0
    snapshots: int = 0
    agents: int = 0
    agents_behind: int = 0
    ended: str = ""
    failed: str = ""


def replay(connection: Connection, request: Request, seconds: Callable[[], float]) -> Answer:
    """Run the file's rules and today's; `seconds` is a clock that only goes forward."""
    edited, problems = _read(request)
    if problems:
        return Answer(problems=problems)
    in_force = _in_force(connection)
    today = {rule_id: rule for rule_id, rule in in_force.items() if rule_id in edited}
    mine, theirs = (_with_watched(rules, in_force) for rules in (edited, today))
    looks_at_all = any(rule.kind is Kind.FLEET for rule in (*mine, *theirs))
    agents = agents_of(connection, None if looks_at_all else request.agent_id)
    answer, rehearsals = _run(connection, (mine, theirs), agents, request, seconds)
    whose = {HUB, request.agent_id} if request.agent_id else {HUB, *(agent.agent_id for agent in agents)}
    past = incidents_between(connection, list(edited), whose, request.since_ms, answer.reached_ms)
    for rule_id in edited:
        its, todays = ([one for one in each.of(rule_id) if one.key.agent_id in whose] for each in rehearsals)
        real = [one for one in past if one.key.rule == rule_id]
        found = difference(its, todays if rule_id in today else None, real)
        answer.rules.append(_outcome(rule_id, found, has_today=rule_id in today))
    return answer


def _with_watched(rules: Mapping[str, Rule], in_force: Mapping[str, Rule]) -> list[Rule]:
    """The rules, and of those in force the ones that fleet rules among them watch."""
    watched = {rule.of: in_force[rule.of] for rule in rules.values() if rule.of in in_force}
    return list({**watched, **rules}.values())


def _run(
    connection: Connection,
    versions: Sequence[Sequence[Rule]],
    agents: Sequence[Agent],
    request: Request,
    seconds: Callable[[], float],
) -> tuple[Answer, Sequence[Rehearsal]]:
    ids, since_ms, until_ms = {agent.agent_id for agent in agents}, request.since_ms, request.until_ms
    rules = [rule for version in versions for rule in version]
    fleet = ReplayedFleet(agents, since_ms, Moments(connection, ids).near)
    rehearsals = [Rehearsal(version, fleet) for version in versions]
    course = Course(fleet, rehearsals, since_ms, Limit(MOST_SNAPSHOTS, request.seconds, seconds))
    snapshots = snapshots_between(connection, ids, {rule.metric for rule in rules}, since_ms, until_ms)
    said = announcements_between(connection, ids, since_ms, until_ms)
    announcements = merge(_retired(agents, until_ms), said, key=_wall_ms)
    course.run(snapshots, announcements, until_ms, has_turns=any(rule.kind in TIMED for rule in rules))
    answer = Answer(
        began_ms=course.began_ms,
        reached_ms=course.reached_ms,
        snapshots=course.snapshots,
        agents=len(course.heard),
        agents_behind=len(_behind(connection, course.heard, request.agent_id)),
        ended=course.ended,
    )
    return answer, rehearsals


def _behind(connection: Connection, heard: AbstractSet[str], agent_id: str | None) -> AbstractSet[str]:
    """Those of the agents heard, or of them this one alone, that stand behind others today."""
    return {each.agent_id for each in dependencies(connection) if agent_id in (None, each.agent_id)} & heard


def _retired(agents: Iterable[Agent], until_ms: int) -> list[Announcement]:
    """The goodbyes that people said for hosts, which are no records."""
    said = [(agent.goodbye_ms, agent.agent_id) for agent in agents if agent.is_retired and agent.goodbye_ms is not None]
    return [Announcement(wall_ms=at_ms, agent_id=agent_id) for at_ms, agent_id in sorted(said) if at_ms < until_ms]


def _wall_ms(announcement: Announcement) -> int:
    return announcement.wall_ms


def _read(request: Request) -> tuple[dict[str, Rule], list[Problem]]:
    """The file's rules by their ids, and what is wrong with it."""
    name = request.file
    try:
        entries = read_file(name, request.content)
    except RuleFileError as error:
        text = str(error)
        return {}, [Problem("", "", text.removeprefix(f"{name}: "), text)]
    rules: dict[str, Rule] = {}
    problems = [_problem(name, entry.label, problem) for entry in entries for problem in entry.problems]
    problems += [
        _problem(name, entry.label, "id: is used twice")
        for entry in entries
        if entry.rule is not None and rules.setdefault(entry.rule.rule_id, entry.rule) is not entry.rule
    ]
    if not entries:
        problems.append(Problem("", "", "has no rule", f"{name}: has no rule"))
    return rules, problems


def _problem(name: str, label: str, told: str) -> Problem:
    key, separator, message = told.removeprefix("Value error, ").partition(": ")
    is_key = bool(separator) and " " not in key
    return Problem(label, key if is_key else "", message if is_key else told, f"{name}: {label}: {told}")


def _in_force(connection: Connection) -> Mapping[str, Rule]:
    """Today's rules: those that ship, over them the users' as the processor keeps them."""
    rules = {rule.rule_id: rule for rule in load_rules()}
    for file in rule_files(connection):
        rules |= {found.rule.rule_id: found.rule for found in read_file(file.name, file.content) if found.rule}
    return rules


def _outcome(rule_id: str, found: Difference, *, has_today: bool) -> Outcome:
    return Outcome(
        rule=rule_id,
        sentence=found.sentence,
        edited_count=len(found.edited),
        today_count=len(found.today) if has_today else None,
        edited=_listed(found.edited),
        today=_listed(found.today),
        missed=_listed(found.missed),
        missed_count=len(found.missed),
    )


def _listed(incidents: Sequence[Rehearsed]) -> list[Incident]:
    return [
        Incident(
            one.key.agent_id,
            one.key.subject,
            str(one.severity),
            one.opened_ms,
            one.closed_ms,
            one.sentence,
            one.number,
        )
        for one in incidents[:MOST_LISTED]
    ]


def _be_the_first_to_go() -> None:
    """Where memory runs out the kernel ends this process, and not the one that waits for it."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> int:
    _be_the_first_to_go()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    request = msgspec.json.decode(sys.stdin.buffer.read(LONGEST_REQUEST_BYTES), type=Request)
    try:
        with reading(open_engine(request.database_url)) as connection:
            answer = replay(connection, request, time.monotonic)
    except StoreUnavailable as error:
        answer = Answer(failed=str(error))
    except MemoryError:
        answer = Answer(failed=f"it needs more than {MEMORY_BYTES >> 20} MiB: ask for one agent, or a shorter time")
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
