"""All agents on one loop: started one after another, told of while they run, and led out with goodbyes.

start, 100 a second ---> run for the duration, a line every 5 s ---> goodbyes ---> all confirmed ---> close
                                          Ctrl-C goes on from here ---^
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from pika.adapters.select_connection import IOLoop

from rabbitmq.connection import BrokerAddress
from simulator.agent import SimulatedAgent, Who
from simulator.trouble import NO_TROUBLE, Trouble

STARTS_PER_SECOND = 100.0
LINE_SECONDS = 5.0
NO_BROKER_SECONDS = 15.0  # without a single connection: the address is wrong rather than the broker slow
GOODBYE_SECONDS = 15.0
CLOSE_SECONDS = 5.0
LOOK_SECONDS = 0.1
ONE_IN = 10  # agents that have the trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to simulate: `duration_seconds` counts from the start of the last agent."""

    agents: int
    interval_seconds: float
    duration_seconds: float
    seed: int
    trouble: Trouble = NO_TROUBLE

    def everybody(self) -> Iterable[Who]:
        for number in range(self.agents):
            yield Who(
                agent_id=self._agent_id(number),
                name=f"sim-{self.seed}-{number + 1:04}",
                seed=f"{self.seed}-{number + 1}",
                interval_seconds=self.interval_seconds,
                first_wait_seconds=self.interval_seconds * (number + 1) / self.agents,
                trouble=self.trouble if number % ONE_IN == 0 else NO_TROUBLE,
            )

    def _agent_id(self, number: int) -> str:
        is_last = number == self.agents - 1
        return f"sim-{self.seed}-{1 if self.trouble.shares_identity and is_last else number + 1:04}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of agents (`connected`) and of records; `skipped` reports were due while this program was busy."""

    connected: int
    sent: int
    confirmed: int
    waiting: int
    reconnects: int
    lost: int
    skipped: int

    def line(self, agents: int) -> str:
        always = f"connected {self.connected:,} of {agents:,}  " + "  ".join(
            f"{field.name} {getattr(self, field.name):,}" for field in fields(self)[1:5]
        )
        lost = f"  lost {self.lost:,} (the broker was away for too long)" if self.lost else ""
        skipped = f"  skipped {self.skipped:,} (this machine is too slow for so many)" if self.skipped else ""
        return always + lost + skipped


class Fleet:
    """`run` returns when the last agent has left. `tell` gets each line for the user."""

    def __init__(
        self, plan: Plan, broker: BrokerAddress, tell: Callable[[str], None], *, reconnect_max_seconds: float
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._loop = IOLoop()
        self._agents = [
            SimulatedAgent(who, broker, self._loop, reconnect_max_seconds=reconnect_max_seconds)
            for who in plan.everybody()
        ]
        self._started: list[SimulatedAgent] = []
        self._open_count = 0
        self._is_stopping = False

    def run(self) -> Totals:
        for number, agent in enumerate(self._agents):
            self._loop.call_later(number / STARTS_PER_SECOND, lambda agent=agent: self._start(agent))
        starting_seconds = len(self._agents) / STARTS_PER_SECOND
        self._loop.call_later(starting_seconds + self._plan.duration_seconds, self.stop)
        self._loop.call_later(NO_BROKER_SECONDS, self._stop_without_broker)
        self._loop.call_later(LINE_SECONDS, self._tell_on)
        self._loop.start()
        self._loop.close()
        return self.totals

    def stop(self) -> None:
        """Lead everybody out. A signal handler may ask for it by `stop_soon`."""
        if self._is_stopping:
            return
        self._is_stopping = True
        for agent in self._started:
            agent.leave()
        self._close_when_all_is_said(time.monotonic() + GOODBYE_SECONDS)

    def stop_soon(self) -> None:
        self._loop.add_callback_threadsafe(self.stop)

    @property
    def was_connected(self) -> bool:
        """The broker was there at least once."""
        return any(agent.publisher.ups for agent in self._started)

    @property
    def totals(self) -> Totals:
        started = self._started
        kept, waiting = sum(agent.kept for agent in started), sum(agent.waiting for agent in started)
        unconfirmed = sum(agent.unconfirmed for agent in started)
        return Totals(
            connected=sum(agent.publisher.hub.state != "disconnected" for agent in started),
            sent=kept - waiting,
            confirmed=kept - unconfirmed,
            waiting=unconfirmed,
            reconnects=sum(max(0, agent.publisher.ups - 1) for agent in started),
            lost=sum(agent.lost for agent in started),
            skipped=sum(agent.skipped_reports for agent in started),
        )

    def _start(self, agent: SimulatedAgent) -> None:
        if not self._is_stopping:
            self._started.append(agent)
            agent.start()

    def _stop_without_broker(self) -> None:
        if not self.was_connected:
            self.stop()

    def _tell_on(self) -> None:
        if not self._is_stopping:
            self._tell_totals()
            self._loop.call_later(LINE_SECONDS, self._tell_on)

    def _tell_totals(self) -> None:
        self._tell(self.totals.line(len(self._agents)))
        hubs = (agent.publisher.hub for agent in self._started)
        reasons = Counter(f"{hub.why}. {hub.advice}".rstrip() for hub in hubs if hub.state != "connected" and hub.why)
        for reason, count in reasons.most_common(3):
            self._tell(f"  {count:,} of them: {reason}")

    def _close_when_all_is_said(self, until_seconds: float) -> None:
        is_said = all(agent.unconfirmed == 0 for agent in self._started)
        is_vain = not any(agent.publisher.hub.state == "connected" for agent in self._started)
        if is_said or is_vain or time.monotonic() > until_seconds:
            self._close()
        else:
            self._loop.call_later(LOOK_SECONDS, lambda: self._close_when_all_is_said(until_seconds))

    def _close(self) -> None:
        self._tell_totals()
        self._open_count = len(self._started)
        self._loop.call_later(CLOSE_SECONDS if self._started else 0.0, self._loop.stop)
        for agent in self._started:
            agent.close(self._one_is_closed)

    def _one_is_closed(self) -> None:
        self._open_count -= 1
        if self._open_count == 0:
            self._loop.stop()
