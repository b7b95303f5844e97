"""`healthmon-agent status` in words: the answer on line 1, then what it rests on."""

import socket

from agent.status import Status

NEVER_RUN = "No snapshot yet. The agent is not running here. Start it: healthmon-agent run"


def status_lines(status: Status, now_seconds: float) -> list[tuple[str, str]]:
    """Pairs of state word and line; the state word stands in its line and may be coloured."""
    state = state_word(status, now_seconds)
    return [
        (state, f"{status.name}  {state}   {_answer(status, now_seconds)}"),
        ("", ""),
        ("", f"  hub      {_hub(status, now_seconds)}"),
        ("", f"  agent    {_agent(status, now_seconds)}"),
        *(("", f"  {name:<8} not measured: {why}") for name, why in sorted(status.errors.items())),
    ]


def state_word(status: Status, now_seconds: float) -> str:
    """ok, or in capitals what is wrong."""
    if not status.is_fresh(now_seconds):
        return "NOT RUNNING"
    return {"connected": "ok", "blocked": "HUB FULL", "disconnected": "NOT CONNECTED"}[status.hub_state]


def _answer(status: Status, now_seconds: float) -> str:
    if not status.is_fresh(now_seconds):
        return f"last seen {_ago(status.written_seconds, now_seconds)}. Start it: healthmon-agent run"
    if status.hub_state == "connected":
        return f"{_last_sent(status, now_seconds)}, {status.waiting} waiting, {status.lost} lost"
    return f"for {_duration(now_seconds - status.hub_since_seconds)}, {status.waiting} records waiting, none lost" if (
        not status.lost
    ) else f"for {_duration(now_seconds - status.hub_since_seconds)}, {status.waiting} waiting, {status.lost} lost"
