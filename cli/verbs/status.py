"""`healthmon status`: how the hosts are, or one of them."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from cli.answers import Host, Incident, host, incident, rank, read, worst_first
from cli.exits import ExitCode, Trouble
from cli.host_trouble import trouble_lines
from cli.readings import usage_lines
from cli.screen import Screen, show_json
from cli.terminal import Terminal, one_form
from cli.text import escaped
from cli.verbs.incidents import best_fix, incident_table
from cli.words import age_seconds, count
from console.quantities import span

if TYPE_CHECKING:
    from cli.desk import HelpDesk

MOST_ROWS = 50
MIRRORED = {"ok": 0, "muted": 0, "warning": 1, "critical": 2}
UNKNOWN = 3
NO_HOSTS = ["No host has reported yet.", "", "Start an agent on it: healthmon-agent run"]


def status(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="HOST", help="Host name or agent id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, schema status/1.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Tab separated, no header.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="0 ok or muted, 1 warning, 2 critical, 3 anything else.")
    ] = False,
) -> int:
    """Show how the hosts are, the worst first, or one host.

    --plain: state, host, agent, last seen, sentence, address.
    """
    one_form(as_json=as_json, plain=plain)
    terminal: Terminal = context.obj
    with terminal.desk() as desk:
        answer = _fleet(desk) if name is None else _one(desk, name, UNKNOWN if exit_code else ExitCode.NONE)
    clean = escaped(answer)
    hosts = sorted((read(host, one) for one in clean["hosts"]), key=lambda one: (rank(one.state), one.name))
    screen = terminal.screen()
    if as_json:
        show_json("status/1", answer)
    elif plain:
        screen.show_rows(map(_plain, hosts))
    else:
        found = worst_first([read(incident, one) for one in clean["incidents"]])
        screen.show(_lines(hosts, found, clean.get("readings"), screen, terminal.now()))
    return _mirrored(hosts) if exit_code else ExitCode.OK


def fleet_lines(hosts: Sequence[Host], found: Sequence[Incident], screen: Screen, now_seconds: float) -> list[str]:
    """How many need somebody, a row for each host, then what to ask next."""
    if not hosts:
        return NO_HOSTS
    shown = hosts[:MOST_ROWS]
    rows = [_row(one, screen, now_seconds) for one in shown]
    left = len(hosts) - len(shown)
    return [
        *screen.prose(_answer(hosts, screen)),
        *(line for told in _behind(hosts) for line in screen.prose(told)),
        *screen.table(("state", "host", "seen", "why"), rows),
        *(["", f"and {left:,} more: healthmon status --plain"] if left else []),
        "",
        *_next(hosts, found),
    ]


def host_lines(
    one: Host, found: Sequence[Incident], readings: Mapping[str, float], screen: Screen, now_seconds: float
) -> list[str]:
    """Its state in a sentence, what is wrong, how much is in use, then what to do next."""
    seen = f"seen {_seen(one, now_seconds)}, every {one.interval_seconds:g} s"
    return [
        *screen.headline(one.name, one.state, one.sentence),
        *(incident_table(found[:MOST_ROWS], screen, now_seconds) if found else []),
        *usage_lines(readings, screen),
        *trouble_lines(one, screen),
        "",
        *screen.prose(f"{seen}, agent {one.version}, reports the {one.scope}, id {one.agent_id}", "  "),
        "",
        f"Details: {one.url}",
        *([f"Next: healthmon show i/{found[0].number}"] if found else []),
    ]


def _fleet(desk: "HelpDesk") -> dict[str, Any]:
    return {"hosts": desk.every("/agents"), "incidents": desk.every("/incidents", {"state": "open"})}


def _one(desk: "HelpDesk", name: str, missing_code: int) -> dict[str, Any]:
    """The same for one host, with its newest readings. Raises Trouble with `missing_code` where there is none."""
    try:
        answer = desk.get(f"/agents/{quote(name, safe='')}", missing="All hosts: healthmon status")
    except Trouble as trouble:
        raise Trouble(str(trouble), missing_code if trouble.code == ExitCode.NONE else trouble.code) from None
    agent_id, has_metrics = read(lambda one: (str(one["agent_id"]), one["has_metrics"]), answer)
    path = f"/agents/{quote(agent_id, safe='')}/metrics"
    return {
        "hosts": [answer],
        "incidents": desk.every("/incidents", {"state": "open", "agent": agent_id}),
        "readings": read(lambda metrics: metrics["readings"], desk.get(path)) if has_metrics else {},
    }


def _lines(
    hosts: Sequence[Host], found: Sequence[Incident], readings: Any, screen: Screen, now_seconds: float
) -> list[str]:
    if readings is None:
        return fleet_lines(hosts, found, screen, now_seconds)
    return host_lines(hosts[0], found, readings, screen, now_seconds)


def _answer(hosts: Sequence[Host], screen: Screen) -> str:
    states = Counter(one.state for one in hosts if not one.retired)
    retired = sum(one.retired for one in hosts)
    troubled = states.total() - states["ok"] - states["muted"]
    gone = [f"{retired} retired"] if retired else []
    if not troubled:
        muted = [f"{states['muted']} muted"] if states["muted"] else []
        others = "the others" if muted or gone else "all"
        return ", ".join([count(len(hosts), "host"), *muted, *gone, *([f"{others} ok"] if states["ok"] else [])])
    counts = [f"{states[state]} {screen.state(state)}" for state in sorted(states, key=rank)]
    return f"{troubled} of {count(len(hosts), 'host')} not ok: {', '.join([*counts, *gone])}"


def _behind(hosts: Sequence[Host]) -> list[str]:
    """Those that have no incident of their own, by what explains them."""
    explained = Counter(one.behind for one in hosts if one.behind and one.state not in ("ok", "muted"))
    return [f"{count(number, 'host')} {behind}" for behind, number in explained.most_common()]


def _row(one: Host, screen: Screen, now_seconds: float) -> list[str]:
    return [screen.state(one.state), one.name, _seen(one, now_seconds), one.sentence]


def _seen(one: Host, now_seconds: float) -> str:
    return f"{span(age_seconds(one.last_seen, now_seconds))} ago"


def _next(hosts: Sequence[Host], found: Sequence[Incident]) -> list[str]:
    """The most urgent incident; without one, the host that is worst."""
    if found:
        fix = best_fix(found[0])
        return [*([f"Fix known: {fix}"] if fix else []), f"Next: healthmon show i/{found[0].number}"]
    worst = hosts[0]
    unique = sum(one.name == worst.name for one in hosts) == 1
    return [f"Next: healthmon status {shlex.quote(worst.name if unique else worst.agent_id)}"]


def _plain(one: Host) -> tuple[object, ...]:
    return one.state, one.name, one.agent_id, one.last_seen, one.sentence, one.url


def _mirrored(hosts: Sequence[Host]) -> int:
    return MIRRORED.get(hosts[0].state, UNKNOWN) if hosts else UNKNOWN
