"""What the agents of a group are to do: how often they report, and which metric groups they measure.

A wish has the arguments of the command `configure`: None is what an agent's own file says; what is not in it stays.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpdesk_api.commanding import NotSent, is_addressable, send_command
from helpdesk_api.desk import Desk
from store.engine import transaction
from store.groups import note_taken_back, note_told
from store.model import Agent
from store.response import GroupSetting

CONFIGURE, INTERVAL, COLLECTORS = "configure", "interval_seconds", "collectors"

Wish = Mapping[str, Any]

_log = logging.getLogger(__name__)


def standing_wish(agent: Agent, setting: GroupSetting | None, *, is_told: bool) -> Wish:
    """What its group wants of the agent now, and None for what it was told once and nobody wants any more.

    Who was told an interval (`is_told`) is known here, who was told its collectors says so itself.
    """
    wish: dict[str, Any] = {}
    if (setting is not None and setting.interval_seconds is not None) or is_told:
        wish[INTERVAL] = setting.interval_seconds if setting else None
    if (setting is not None and setting.collectors is not None) or agent.collectors_told:
        wish[COLLECTORS] = setting.collectors if setting else None
    return wish


def left_to_ask(agent: Agent, wish: Wish, now_ms: int) -> Wish:
    """The part of the wish that the agent does not fulfil; none of it while it cannot be asked."""
    if not (agent.is_connected(now_ms) and is_addressable(agent)):
        return {}
    return {key: value for key, value in wish.items() if not _HAS[key](agent, value)}


def differs(agent: Agent, setting: GroupSetting | None) -> bool:
    """Whether the agent reports otherwise than its group is told; one that is too old to choose does."""
    if setting is None:
        return False
    interval_seconds, collectors = setting.interval_seconds, setting.collectors
    has_interval = interval_seconds is None or agent.interval_ms == round(interval_seconds * 1000)
    return not has_interval or not (collectors is None or set(collectors) == set(agent.collectors))


def configure(desk: Desk, agent: Agent, wish: Wish) -> bool:
    """Ask the agent; whether the command is on its way."""
    if wish.get(INTERVAL) is not None:
        with transaction(desk.engine) as connection:
            note_told(connection, agent.agent_id)
    try:
        command = send_command(desk, agent, CONFIGURE, wish)
    except NotSent as why:
        _log.warning("%s was not told what its group is told: %s", agent.name, why)
        return False
    if wish.get(INTERVAL, 0) is None:
        with transaction(desk.engine) as connection:
            note_taken_back(connection, agent.agent_id, command.command_id)
    return True


def _has_interval(agent: Agent, seconds: float | None) -> bool:
    """Which interval is its own nobody but the agent knows, so None is always asked for."""
    return seconds is not None and round(seconds * 1000) == agent.interval_ms


def _has_collectors(agent: Agent, names: Sequence[str] | None) -> bool:
    """An agent that names none is too old to be asked: it would refuse the interval, too."""
    if not agent.collectors:
        return True
    return not agent.collectors_told if names is None else set(names) == set(agent.collectors)


_HAS: Mapping[str, Callable[[Agent, Any], bool]] = {INTERVAL: _has_interval, COLLECTORS: _has_collectors}
