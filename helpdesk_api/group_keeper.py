"""Keeps the agents of a group at what the group is set to: also those that join or come back later.

    every 30 s: agents whose interval is another than their group's --configure--> agent --snapshots--> the store
                agents that were told one, of a group without one   --configure--> agent --result-----> the store
                the same with the metric groups                     --configure--> agent --hello------> the store

An agent that stays as it is (too old for the command, or it refuses) is asked ever more seldom.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from helpdesk_api.desk import Desk
from helpdesk_api.fleet import all_agents
from helpdesk_api.group_wish import Wish, configure, left_to_ask, standing_wish
from helpdesk_api.once_a_minute import OnceAMinute
from store.engine import StoreUnavailable, reading, transaction
from store.groups import forget_taken_back, group_settings, told_agents
from store.model import Agent

ROUND_SECONDS = 30.0
MOST_COMMANDS = 500  # half of what waits for the broker at most
LONGEST_WAIT_MS = 3_600_000
_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())


@dataclass
class Asked:
    """What an agent was asked for, how often, and when it may be asked again."""

    wish: Wish
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
        return sum(self._ask(agent, wish, now_ms) for agent, wish in due)

    def _wanting(self) -> Iterator[tuple[str, tuple[Agent, Wish]]]:
        now_ms, told = self.desk.now_ms(), self._told()
        with reading(self.desk.engine) as connection:
            settings = group_settings(connection)
            for agent in all_agents(connection) if told or settings else ():
                setting = settings.get(agent.group_name)
                wish = left_to_ask(agent, standing_wish(agent, setting, is_told=agent.agent_id in told), now_ms)
                if wish:
                    yield agent.agent_id, (agent, wish)

    def _told(self) -> set[str]:
        """The agents that may report at a group's interval."""
        with reading(self.desk.engine) as connection:
            told = told_agents(connection)
        if not told:
            return told
        with transaction(self.desk.engine) as connection:
            forget_taken_back(connection)
            return told_agents(connection)

    def _is_due(self, agent: Agent, wish: Wish, now_ms: int) -> bool:
        asked = self.asked.get(agent.agent_id)
        return asked is None or asked.wish != wish or now_ms >= asked.again_ms

    def _ask(self, agent: Agent, wish: Wish, now_ms: int) -> bool:
        before = self.asked.get(agent.agent_id)
        times = before.times + 1 if before and before.wish == wish else 1
        wait_ms = min(round(ROUND_SECONDS * 1000) * 2**times, LONGEST_WAIT_MS)
        self.asked[agent.agent_id] = Asked(wish, times, now_ms + wait_ms)
        return configure(self.desk, agent, wish)


def start_keeper(desk: Desk) -> Callable[[], None]:
    """On a thread of its own; returns what stops it."""
    keeper = GroupKeeper(desk)
    thread = threading.Thread(target=keeper.run, name="group-keeper", daemon=True)
    thread.start()

    def stop() -> None:
        keeper.stopping.set()
        thread.join(timeout=15)

    return stop
