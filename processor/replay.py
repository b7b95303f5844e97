"""`python -m processor.replay`: an edited rule file over kept snapshots, beside today's rules of the same ids.

One request as JSON on standard input, one answer as JSON on standard output. It bounds its own memory and time; what
started it bounds how many of them there are. It reads the store and changes nothing.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from processor.rehearsal import Difference, Rehearsal, Rehearsed, difference
from processor.rule import TIMED, Rule
from processor.rule_files import RuleFileError, load_rules, read_file
from store.engine import StoreUnavailable, open_engine, reading
from store.model import KeptSnapshot
from store.replays import groups_of_agents, incidents_between, snapshots_between
from store.rule_files import rule_files

MEMORY_BYTES = 256 << 20  # of addresses: about 100 MB for the program, the rest for what it reads
PROCESSOR_SECONDS = 60
LONGEST_REQUEST_BYTES = 256 * 1024  # 64 KiB of rules, escaped
MOST_SNAPSHOTS = 1_000_000
MOST_LISTED = 200
CLOCK_IS_ASKED_EVERY = 200  # snapshots


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


class Answer(msgspec.Struct, kw_only=True):
    """`ended` says what ended the replay before `until_ms`, empty when nothing did. With `problems` nothing was run."""

    problems: list[Problem] = []
    rules: list[Outcome] = []
    reached_ms: int = 0
    snapshots: int = 0
    agents: int = 0
    ended: str = ""
    failed: str = ""


def replay(connection: Connection, request: Request, seconds: Callable[[], float]) -> Answer:
    """Run the file's rules and today's; `seconds` is a clock that only goes forward."""
    edited, problems = _read(request)
    today = {rule_id: rule for rule_id, rule in _in_force(connection).items() if rule_id in edited}
    problems += [_not_yet(request.file, rule) for rule in (*edited.values(), *today.values()) if rule.kind in TIMED]
    if problems:
        return Answer(problems=problems)
    groups = groups_of_agents(connection, request.agent_id)
    mine, theirs = Rehearsal(list(edited.values())), Rehearsal(list(today.values()))
    metrics = {rule.metric for rule in (*edited.values(), *today.values())}
    snapshots = snapshots_between(connection, groups, metrics, request.since_ms, request.until_ms)
    answer = _run(snapshots, groups, (mine, theirs), request, seconds)
    past = incidents_between(connection, list(edited), groups, request.since_ms, answer.reached_ms)
    for rule_id in edited:
        known = theirs.of(rule_id) if rule_id in today else None
        found = difference(mine.of(rule_id), known, [one for one in past if one.key.rule == rule_id])
        answer.rules.append(_outcome(rule_id, found, has_today=known is not None))
    return answer


def _run(
    snapshots: Iterable[KeptSnapshot],
    groups: Mapping[str, str],
    rehearsals: Sequence[Rehearsal],
    request: Request,
    seconds: Callable[[], float],
) -> Answer:
    ends_at, heard, ended, reached_ms, count = seconds() + request.seconds, set[str](), "", request.since_ms, 0
    for snapshot in snapshots:
        if count == MOST_SNAPSHOTS:
            ended = f"{MOST_SNAPSHOTS:,} snapshots were read"
        elif count % CLOCK_IS_ASKED_EVERY == 0 and seconds() >= ends_at:
            ended = f"{request.seconds:g} s were over"
        if ended:
            break
        for rehearsal in rehearsals:
            rehearsal.take(snapshot, groups[snapshot.agent_id])
        heard.add(snapshot.agent_id)
        reached_ms, count = snapshot.wall_ms, count + 1
    until_ms = reached_ms if ended else request.until_ms
    return Answer(reached_ms=until_ms, snapshots=count, agents=len(heard), ended=ended)


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


def _not_yet(name: str, rule: Rule) -> Problem:
    told = f"kind: a rule of the kind {rule.kind} cannot be replayed yet; threshold, rate and absence can"
    return _problem(name, f"rule {rule.rule_id}", told)


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
