"""`healthmon delivery`: the account of records: what was assigned, and where each one is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answers import read
from cli.exits import ExitCode
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.words import count
from console.quantities import span

if TYPE_CHECKING:
    from cli.desk import HelpDesk

MOST_ROWS = 50
PAGE_AGENTS = 1000
ALL_WELL, IN_QUARANTINE, UNEXPLAINED, NOTHING_KNOWN = range(4)
BYTES_DROPPED = "No quarantined message is left: their bytes were dropped with age."
NUMBERS = ("assigned", "stored", "quarantined", "declared", "in_transit", "unexplained", "duplicates")
HEADINGS = ("assigned", "stored", "quarant.", "lost", "transit", "unexpl.", "copies")


@dataclass(frozen=True, slots=True)
class Account:
    """`numbers` are those of NUMBERS, `lost` how many by reason."""

    agent_id: str
    name: str
    numbers: tuple[int, ...]
    lost: Mapping[str, int]

    def number(self, name: str) -> int:
        return self.numbers[NUMBERS.index(name)]


def delivery(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema delivery/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0 all accounted for, 1 some in quarantine, 2 unexplained, 3 no record.")
    ] = False,
) -> int:
    """Show where every record is: stored, in quarantine, named as lost, in transit, or unexplained.

    --plain: host, agent, assigned, stored, quarantined, lost, in transit, unexplained, duplicates.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = desk.get("/delivery", {"limit": str(PAGE_AGENTS)})
        part = read(_agents, answer)
        while len(part) == PAGE_AGENTS:
            cursor = read(lambda agents: str(agents[-1]["agent_id"]), part)
            part = read(_agents, desk.get("/delivery", {"limit": str(PAGE_AGENTS), "cursor": cursor}))
            answer["agents"] += part
        clean = escaped(answer)
        accounts = sorted(read(lambda agents: [_account(one) for one in agents["agents"]], clean), key=_urgency)
        next_step = "" if as_json or plain else _next(accounts, desk)
    total, sentence = read(lambda one: (_numbers(one["total"]), str(one["total"]["sentence"])), clean)
    screen = terminal.screen()
    if as_json:
        show_json("delivery/1", answer)
    elif plain:
        screen.show_rows((one.name, one.agent_id, *one.numbers) for one in accounts)
    else:
        lines = delivery_lines(accounts, sentence, read(_queue_line, clean), screen)
        screen.show([*lines, *(["", *screen.prose(next_step)] if next_step else [])])
    return _mirrored(total) if exit_code else ExitCode.OK


def delivery_lines(accounts: Sequence[Account], sentence: str, queue: str, screen: Screen) -> list[str]:
    """The sentence first, a row for each host with the worst first, then what was lost."""
    shown = accounts[:MOST_ROWS]
    rows = [[one.name, *(f"{number:,}" for number in one.numbers)] for one in shown]
    left = len(accounts) - len(shown)
    return [
        *screen.prose(sentence),
        *(screen.table(("host", *HEADINGS), rows) if rows else []),
        *(["", f"and {left:,} more: healthmon delivery --plain"] if left else []),
        "",
        *screen.prose(queue),
        *_losses(accounts, screen),
    ]


def _agents(answer: Any) -> list[Any]:
    return list(answer["agents"])


def _account(answer: Any) -> Account:
    lost = {one["reason"]: one["records"] for one in answer["declared_by_reason"]}
    return Account(answer["agent_id"], answer["name"], _numbers(answer), lost)


def _numbers(answer: Any) -> tuple[int, ...]:
    return tuple(int(answer[name]) for name in NUMBERS)


def _urgency(one: Account) -> tuple[object, ...]:
    worst_first = (-one.number(name) for name in ("unexplained", "quarantined", "declared"))
    return (*worst_first, one.name, one.agent_id)


def _queue_line(answer: Any) -> str:
    depth, age_seconds = answer["queue"]["depth"], answer["queue"]["age_seconds"]
    if depth is None:
        return "Queue: not known, the help desk does not reach RabbitMQ."
    oldest = f", the oldest for about {span(age_seconds)}" if depth and age_seconds is not None else ""
    return f"Queue: {count(depth, 'message')} for the processor{oldest}."


def _losses(accounts: Sequence[Account], screen: Screen) -> list[str]:
    lost: dict[str, int] = {}
    for one in accounts:
        for reason, records in one.lost.items():
            lost[reason] = lost.get(reason, 0) + records
    told = ", ".join(f"{records:,} {reason}" for reason, records in sorted(lost.items(), key=lambda pair: -pair[1]))
    return screen.prose(f"Named as lost: {told}.") if lost else []


def _next(accounts: Sequence[Account], desk: "HelpDesk") -> str:
    if any(one.number("unexplained") for one in accounts):
        return "Next: healthmon incidents"
    if not any(one.number("quarantined") for one in accounts):
        return ""
    entries = read(lambda part: list(part["items"]), desk.get("/quarantine", {"limit": "1"}))
    return "Next: healthmon quarantine list" if entries else BYTES_DROPPED


def _mirrored(total: tuple[int, ...]) -> int:
    sums = dict(zip(NUMBERS, total, strict=True))
    if not sums["assigned"]:
        return NOTHING_KNOWN
    if sums["unexplained"]:
        return UNEXPLAINED
    return IN_QUARANTINE if sums["quarantined"] else ALL_WELL
