"""A fleet, its broker and both clocks, moved by hand; what the watch decides is kept at once, as the keeper does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from processor.decision import Decision, Learnt
from processor.memory import FleetMemory
from processor.silence.broker_events import ConnectionEvent
from processor.silence.evidence import Senses
from processor.silence.facts import Reach
from processor.silence.road import Way, WayOut
from processor.silence.sentences import Clocks
from processor.silence.watch import SilenceWatch
from store.model import Agent, Batch, Change, CheckKey, FleetState, Flow, IncidentChange

CANARY_SECONDS = 10


@dataclass
class FakeProbes:
    answers: dict[str, Reach] = field(default_factory=dict)

    def reach(self, address: str) -> Reach:
        return self.answers.get(address, Reach.SILENT)

    def forget(self, address: str) -> None:
        pass


class World:
    """`second` lets one go by. Agents in `sending` send a record in each 5th second, canaries come back at once while
    `flows` and the way out is open."""

    def __init__(self, *agents: Agent, last_flow: Flow | None = None, settled: bool = True) -> None:
        self.clocks = Clocks(1_000_000, 1_790_000_000_000)
        self.memory = FleetMemory(FleetState(agents={agent.agent_id: agent for agent in agents}, checks={}))
        self.sending = {agent.agent_id for agent in agents}
        self.probes = FakeProbes()
        self.way_out = WayOut(Way.OPEN, self.clocks.monotonic_ms)
        self.flows = True
        self.events: list[ConnectionEvent | None] = []
        self.changes: list[IncidentChange] = []
        self.open: dict[CheckKey, IncidentChange] = {}
        self._wants_canary = False
        self._waiting: dict[str, int] = {}  # since when
        self.watch = SilenceWatch(Senses(lambda: self.way_out, self._prove, self._drain, self.probes), lambda *_: ())
        self.watch.take_over(self.memory, last_flow, self.clocks)
        if settled:
            self.pass_seconds(30)

    def pass_seconds(self, count: int) -> None:
        for _ in range(count):
            self.second()

    def second(self, wall_ms: int = 1000) -> None:
        """`wall_ms` is how far the wall clock moves in it."""
        self.clocks = Clocks(self.clocks.monotonic_ms + 1000, self.clocks.wall_ms + wall_ms)
        tick = self.clocks.monotonic_ms // 1000
        if self.way_out.way is Way.OPEN and tick % 5 == 0:
            self._waiting |= dict.fromkeys(self.sending, self.clocks.monotonic_ms)
        if self.flows and self.way_out.way is Way.OPEN:
            self._deliver()
            if tick % CANARY_SECONDS == 0 or self._wants_canary:
                self._wants_canary, self.memory.canary_monotonic_ms = False, self.clocks.monotonic_ms
        self.judge()

    def _deliver(self) -> None:
        """What was published before a canary is read before it."""
        rows = [
            replace(
                self.memory.agents[agent_id],
                last_seen_ms=self.clocks.wall_ms - (self.clocks.monotonic_ms - sent_ms),
                goodbye_ms=None,
            )
            for agent_id, sent_ms in sorted(self._waiting.items())
        ]
        self._waiting = {}
        self.keep(rows)

    def keep(self, rows: Sequence[Agent]) -> None:
        self.memory.apply(Decision(Batch(agents=rows, received_ms=self.clocks.wall_ms), Learnt()))
        self.watch.hear(rows, self.clocks)

    def judge(self) -> None:
        judgement = self.watch.judge(self.memory, 1, self.clocks)
        self.memory.apply(judgement.decision)
        self.watch.hear(judgement.decision.batch.agents, self.clocks)
        self.watch.remember(judgement)
        for change in judgement.decision.batch.incidents:
            self._follow(change)

    def connection(self, agent_id: str, *, is_open: bool, peer_host: str | None = None, connection: str = "c") -> None:
        self._wants_canary = self._wants_canary or not is_open
        self.events.append(
            ConnectionEvent(
                is_open=is_open,
                connection=f"{agent_id}-{connection}",
                agent_id=agent_id,
                agent_name="",
                peer_host=peer_host,
                at_ms=self.clocks.monotonic_ms,
            )
        )

    def open_rules(self) -> list[tuple[str, str]]:
        """Of the open incidents: whose, and the rule."""
        return sorted((key.agent_id, key.rule) for key in self.open)

    def sentence(self, agent_id: str) -> str:
        return self.open[CheckKey(agent_id, "agent-silent", "")].sentence

    def _follow(self, change: IncidentChange) -> None:
        """As the store: at most one incident of a check is open, and only an open one changes."""
        self.changes.append(change)
        if change.change is Change.OPENED:
            assert change.key not in self.open, "opened twice"
            self.open[change.key] = change
        else:
            assert change.key in self.open, f"{change.change} of an incident that is not open"
            self.open[change.key] = change
            if change.change is Change.CLOSED:
                del self.open[change.key]

    def _prove(self) -> None:
        self._wants_canary = True

    def _drain(self) -> list[ConnectionEvent | None]:
        heard, self.events = self.events, []
        return heard


def agent(agent_id: str, *, group: str = "", peer_host: str | None = None, interval_ms: int = 5000) -> Agent:
    return Agent(
        agent_id=agent_id,
        host_name=f"host-{agent_id}",
        interval_ms=interval_ms,
        first_seen_ms=0,
        last_seen_ms=1_790_000_000_000,
        group_name=group,
        peer_host=peer_host,
    )
