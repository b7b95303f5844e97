"""`healthmon-agent status` in words: the answer on line 1, then what it rests on."""

from datetime import UTC, datetime

import msgspec

from agent.status import CheckRow, Status
from agent.status_checks import check_table
from console.text import escape

NEVER_RUN = "No snapshot yet. The agent is not running here. Start it: healthmon-agent run"
_TIMES = ("written_seconds", "started_seconds", "hub_since_seconds", "last_confirmed_seconds")
_STATE_WORDS = {"connected": "ok", "blocked": "HUB FULL", "disconnected": "NOT CONNECTED"}


def headline_word(status: Status, now_seconds: float) -> str:
    """The one word of line 1: the state of the worst check when that is not ok, else the state of the agent itself."""
    worst = _worst(status, now_seconds)
    return worst.state.upper() if worst else state_word(status, now_seconds)


def state_word(status: Status, now_seconds: float) -> str:
    """How the agent is: ok, starting, or in capitals what is wrong with it."""
    if not status.is_fresh(now_seconds):
        return "NOT RUNNING"
    return "starting" if _is_starting(status) else _STATE_WORDS[status.hub_state]


def _worst(status: Status, now_seconds: float) -> CheckRow | None:
    """The check that needs somebody first; of an agent that does not run nobody knows."""
    worst = status.checks[0] if status.checks and status.is_fresh(now_seconds) else None
    return worst if worst and worst.state != "ok" else None


def _is_starting(status: Status) -> bool:
    """Whether the agent has yet to hear how its first attempt to connect ended."""
    return status.hub_state == "disconnected" and not status.hub_why


def status_lines(status: Status, now_seconds: float) -> list[str]:
    """The first line holds the headline's word. Safe to print, whatever a name or an error holds."""
    table = check_table(status.checks, now_seconds)
    lines = [
        f"{status.name}  {headline_word(status, now_seconds)}{_headline(status, now_seconds)}",
        "",
        *([*table, ""] if table else []),
        f"  hub      {_hub(status, now_seconds)}",
        *([f"  records  {_answer(status, now_seconds)}"] if _worst(status, now_seconds) else []),
        f"  agent    {_agent(status, now_seconds)}",
        *([f"  off      {', '.join(status.switched_off)}: not measured, switched off"] if status.switched_off else []),
        *(_error_line(name, why) for name, why in sorted(status.errors.items())),
    ]
    return [escape(line) for line in lines]


def status_json(status: Status, now_seconds: float) -> str:
    """One line; the fields of `Status`, and times as ISO 8601 in UTC under names without unit.

    `state` is that of the agent, `health` that of the worst check, null where there is none.
    """
    fields = {
        name.removesuffix("_seconds") if name in _TIMES else name: _iso(value) if name in _TIMES else value
        for name, value in msgspec.structs.asdict(status).items()
    }
    fields["checks"] = [_check_fields(row) for row in status.checks]
    told = {"state": state_word(status, now_seconds), "health": status.checks[0].state if status.checks else None}
    return msgspec.json.encode(fields | told).decode()


def _check_fields(row: CheckRow) -> dict[str, object]:
    fields = msgspec.structs.asdict(row)
    return {"since": _iso(fields.pop("since_seconds")), **fields}


def _error_line(name: str, why: str) -> str:
    return f"  {name:<8} {why}" if name == "spool" else f"  {name:<8} not measured: {why}"


def _iso(unix_seconds: float | None) -> str | None:
    return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC).isoformat()


def _headline(status: Status, now_seconds: float) -> str:
    worst = _worst(status, now_seconds)
    if worst is None:
        return f"  {_answer(status, now_seconds)}"
    return f" for {_duration(now_seconds - worst.since_seconds)}   {worst.sentence or worst.name}"


def _answer(status: Status, now_seconds: float) -> str:
    kept = f"{status.waiting} waiting, {status.lost} lost"
    if not status.is_fresh(now_seconds):
        age = _duration(now_seconds - status.written_seconds)
        return f"since {age}, {kept}. Start it: healthmon-agent run"
    if status.hub_state == "connected":
        return f"{_last_sent(status, now_seconds)}, {kept}"
    return f"for {_duration(now_seconds - status.hub_since_seconds)}, {kept}"


def _hub(status: Status, now_seconds: float) -> str:
    if not status.is_fresh(now_seconds):
        return f"{status.hub}, {_last_sent(status, now_seconds)}"
    if status.hub_state == "connected":
        return f"{status.hub} connected since {_duration(now_seconds - status.hub_since_seconds)}"
    if _is_starting(status):
        return f"{status.hub}, first attempt to connect"
    advice = f" {status.hub_advice}" if status.hub_advice else ""
    return f"{status.hub} {status.hub_state}: {status.hub_why}.{advice}"


def _agent(status: Status, now_seconds: float) -> str:
    up = _duration(now_seconds - status.started_seconds)
    return (
        f"{status.version}, id {status.agent_id}, every {status.interval_seconds:g} s, up {up}, "
        f"{status.collectors} collectors, reports the {status.scope}"
    )


def _last_sent(status: Status, now_seconds: float) -> str:
    if status.last_confirmed_seconds is None:
        return "nothing sent yet"
    return f"last sent {_duration(now_seconds - status.last_confirmed_seconds)} ago"


def _duration(seconds: float) -> str:
    """Two figures at most: 12 s, 4 min, 3 h, 5 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
