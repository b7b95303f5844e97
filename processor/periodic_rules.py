"""The rules that look at history and at the fleet: what they observe now, agent by agent.

    every 5 s: a twelfth of the agents -> their newest readings -> forecasts, anomalies -> observations
    every 15 s: all agents' checks -> fleet -> observations of the hub

So each agent's turn comes once a minute, and no turn holds up the batches for long. Who is silent is left alone:
nothing moves while nothing is known.
"""

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from sqlalchemy import Engine

from processor.anomalies import Anomalies
from processor.decision import Decision, Learnt
from processor.fleet_rules import end_orphans, observe_fleet
from processor.fold import fold_observations
from processor.forecasts import Forecasts
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.rule import Kind, Rule
from processor.rule_set import RuleSet
from store.engine import reading
from store.model import HUB, Agent, Batch, Check, IncidentChange
from store.series_of_rules import BEYOND_MEASURE
from store.snapshots import newest_readings

PERIOD_SECONDS = 5.0  # of `decide`
PARTS = 12  # of the fleet: one at a time
FLEET_EVERY = 3
MOMENTS_AT_ONCE = 6  # of the past, read from the store
FORGOTTEN_AFTER_MS = 600_000  # without a turn, as while another processor was the active one
HUB_AGENT = Agent(agent_id=HUB, first_seen_ms=0, last_seen_ms=0)

Observed = Mapping[str, Sequence[Observation]]
"""By agent id, the hub's among them."""


class PeriodicRules:
    """Remembers between its turns what the rules look back on; `rules` gives those in force."""

    def __init__(self, engine: Engine, rules: Callable[[], RuleSet]) -> None:
        self._engine = engine
        self._rules_in_force = rules
        self._rules: RuleSet | None = None
        self._turn = 0
        self._turn_ms = 0
        self._forecasts = Forecasts((), 0)
        self._anomalies = Anomalies(())
        self._fleet: Sequence[Rule] = ()

    def decide(self, memory: FleetMemory, find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
        """What this turn changes, to be kept; None when that is nothing. Raises StoreUnavailable."""
        rules = self._rules_in_force()
        return decide_observed(self.observe(memory, rules, now_ms), memory, rules, find_remedies, now_ms)

    def observe(self, memory: FleetMemory, rules: RuleSet, now_ms: int) -> Observed:
        """What is observed in this turn; each call is one. Raises StoreUnavailable."""
        self._take(rules, now_ms)
        self._turn, self._turn_ms = self._turn + 1, now_ms
        observed: dict[str, Sequence[Observation]] = {}
        if self._forecasts.metrics or self._anomalies.metrics:
            observed |= self._look_back(memory, now_ms)
        if self._turn % FLEET_EVERY == 0:
            observed[HUB] = observe_fleet(self._fleet, memory, now_ms)
        return {agent_id: seen for agent_id, seen in observed.items() if seen}

    def _take(self, rules: RuleSet, now_ms: int) -> None:
        """Other rules than before begin anew with the past, and so does who looked away for long."""
        if rules is not self._rules or now_ms - self._turn_ms > FORGOTTEN_AFTER_MS:
            self._rules, every = rules, rules.by_id.values()
            self._forecasts = Forecasts([rule for rule in every if rule.kind is Kind.FORECAST], now_ms)
            self._anomalies = Anomalies([rule for rule in every if rule.kind is Kind.ANOMALY])
            self._fleet = [rule for rule in every if rule.kind is Kind.FLEET]

    def _look_back(self, memory: FleetMemory, now_ms: int) -> Observed:
        self._anomalies.turn_to(now_ms)
        if self._turn % PARTS == 0:
            known = frozenset(agent.agent_id for agent in memory.agents.values())
            self._forecasts.forget_all_but(known)
            self._anomalies.forget_all_but(known)
        agents = {agent.agent_id: agent for agent in self._whose_turn(memory, now_ms)}
        metrics = sorted(self._forecasts.metrics | self._anomalies.metrics)
        with reading(self._engine) as connection:
            for _ in range(MOMENTS_AT_ONCE):
                if not self._forecasts.is_ready:
                    self._forecasts.load(connection)
                elif not self._anomalies.is_ready:
                    self._anomalies.load(connection)
            newest = newest_readings(connection, metrics, agents.keys())
        return {
            agent_id: self._observe_agent(agents[agent_id], readings, memory, now_ms)
            for agent_id, readings in newest.items()
        }

    def _whose_turn(self, memory: FleetMemory, now_ms: int) -> list[Agent]:
        """A twelfth of the fleet, by chance but always the same, without those that are silent."""
        part = self._turn % PARTS
        return [
            agent
            for agent in memory.agents.values()
            if crc32(agent.agent_id.encode(errors="surrogatepass")) % PARTS == part and agent.is_streaming(now_ms)
        ]

    def _observe_agent(
        self, agent: Agent, readings: Mapping[str, float], memory: FleetMemory, now_ms: int
    ) -> list[Observation]:
        checks = memory.checks(agent.agent_id)
        measured = {name: value for name, value in readings.items() if abs(value) < BEYOND_MEASURE}
        seen = self._anomalies.observe(agent, measured, checks, now_ms)
        if self._forecasts.is_ready:
            seen += self._forecasts.observe(agent, measured, checks, now_ms)
        return seen


def decide_observed(
    observed: Observed, memory: FleetMemory, rules: RuleSet, find_remedies: RemedyFinder, now_ms: int
) -> Decision | None:
    """What the observations change, and what becomes of checks whose rules are no more; None when nothing. Pure."""
    checks: list[Check] = []
    incidents: list[IncidentChange] = []
    for agent_id, observations in observed.items():
        agent = HUB_AGENT if agent_id == HUB else memory.agent(agent_id)
        if agent is not None:
            folded = fold_observations(agent, observations, memory.checks(agent_id), find_remedies, now_ms)
            checks += folded.checks
            incidents += folded.incidents
    for ended in end_orphans(memory, rules, now_ms):
        checks += [ended.check] if ended.check else []
        incidents += ended.incidents
    if not checks:
        return None
    return Decision(Batch(checks=checks, incidents=incidents, received_ms=now_ms), Learnt())
