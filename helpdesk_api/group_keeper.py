"""Keeps the agents of a group at the interval that the group is set to: also those that join or come back later.

    every 30 s: agents whose interval is another than their group's --configure--> agent --snapshots--> the store
                agents that were told one, of a group without one   --configure--> agent --result-----> the store

An agent that stays as it is (too old for the command, or it refuses) is asked ever more seldom.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from helpdesk_api.commanding import NotSent, is_addressable, send_command
from helpdesk_api.desk import Desk
from helpdesk_api.fleet import all_agents
from helpdesk_api.once_a_minute import OnceAMinute
from store.engine import StoreUnavailable, reading, transaction
from store.groups import forget_taken_back, group_settings, note_taken_back, note_told, told_agents
from store.model import Agent

ROUND_SECONDS = 30.0
MOST_COMMANDS = 500  # half of what waits for the broker at most
LONGEST_WAIT_MS = 3_600_000
CONFIGURE = "configure"
_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())


@dataclass
class Asked:
    """An agent that was asked for an interval, how often, and when it may be asked again."""

    interval_seconds: float | None
    times: int
    again_ms: int


@dataclass
class GroupKeeper:
    """`run` ends when `stopping` is set."""

    desk: Desk
    stopping: threading.Event = field(default_factory=threading.Event)
    asked: dict[str, Asked] = field(default_factory=dict)

    def run(self) -> None:
        while not self.stopping.wait(ROUND_SECONDS):
            try:
                self.keep()
            except StoreUnavailable as error:
                _log.warning("groups wait: %s", error)

    def keep(self) -> int:
        """One round; returns how many agents were asked."""
        wanting = dict(self._wanting())
        self.asked = {agent_id: asked for agent_id, asked in self.asked.items() if agent_id in wanting}
        now_ms = self.desk.now_ms()
        due = [one for one in wanting.values() if self._is_due(*one, now_ms)][:MOST_COMMANDS]
        return sum(self._ask(agent, interval_seconds, now_ms) for agent, interval_seconds in due)

    def _wanting(self) -> Iterator[tuple[str, tuple[Agent, float | None]]]:
        now_ms, told = self.desk.now_ms(), self._told()
        with reading(self.desk.engine) as connection:
            intervals = {name: setting.interval_seconds for name, setting in group_settings(connection).items()}
            for agent in all_agents(connection) if told or any(intervals.values()) else ():
                interval_seconds = intervals.get(agent.group_name)
                is_meant = interval_seconds is not None or agent.agent_id in told
                if is_meant and wants(agent, interval_seconds, now_ms):
                    yield agent.agent_id, (agent, interval_seconds)

    def _told(self) -> set[str]:
        """The agents that may report at a group's interval."""
        with reading(self.desk.engine) as connection:
            told = told_agents(connection)
        if not told:
            return told
        with transaction(self.desk.engine) as connection:
            forget_taken_back(connection)
            return told_agents(connection)

    def _is_due(self, agent: Agent, interval_seconds: float | None, now_ms: int) -> bool:
        asked = self.asked.get(agent.agent_id)
        return asked is None or asked.interval_seconds != interval_seconds or now_ms >= asked.again_ms

    def _ask(self, agent: Agent, interval_seconds: float | None, now_ms: int) -> bool:
        before = self.asked.get(agent.agent_id)
        times = before.times + 1 if before and before.interval_seconds == interval_seconds else 1
        wait_ms = min(round(ROUND_SECONDS * 1000) * 2**times, LONGEST_WAIT_MS)
        self.asked[agent.agent_id] = Asked(interval_seconds, times, now_ms + wait_ms)
        return configure(self.desk, agent, interval_seconds)


def wants(agent: Agent, interval_seconds: float | None, now_ms: int) -> bool:
    """Whether the agent can be asked and reports at another interval. None, its own, is always another one."""
    its_own = interval_seconds is None or round(interval_seconds * 1000) != agent.interval_ms
    return its_own and agent.is_connected(now_ms) and is_addressable(agent)


def configure(desk: Desk, agent: Agent, interval_seconds: float | None) -> bool:
    """Ask the agent to report that often, None: as its own settings say; whether the command is on its way."""
    if interval_seconds is not None:
        with transaction(desk.engine) as connection:
            note_told(connection, agent.agent_id)
    try:
        command = send_command(desk, agent, CONFIGURE, {"interval_seconds": interval_seconds})
    except NotSent as why:
        _log.warning("%s was not told its group's interval: %s", agent.name, why)
        return False
    if interval_seconds is None:
        with transaction(desk.engine) as connection:
            note_taken_back(connection, agent.agent_id, command.command_id)
    return True


def start_keeper(desk: Desk) -> Callable[[], None]:
    """On a thread of its own; returns what stops it."""
    keeper = GroupKeeper(desk)
    thread = threading.Thread(target=keeper.run, name="group-keeper", daemon=True)
    thread.start()

    def stop() -> None:
        keeper.stopping.set()
        thread.join(timeout=15)

    return stop
