"""The rules that look at history and at the fleet: what they observe now, agent by agent.

    every 5 s: a twelfth of the agents -> their newest readings -> forecasts, anomalies -> observations
    every 15 s: all agents' checks -> fleet -> observations of the hub

So each agent's turn comes once a minute, and no turn holds up the batches for long. Who is silent is left alone:
nothing moves while nothing is known.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from zlib import crc32

from processor.anomalies import Anomalies
from processor.decision import Decision, Learnt
from processor.evaluators.forecast import forecast
from processor.fleet_rules import end_orphans, observe_fleet
from processor.fold import fold_observations
from processor.forecasts import Forecasts, Foretell
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.past import Fleet, OpenPast
from processor.rule import Kind, Rule
from processor.rule_set import Place, RuleSet
from processor.withholding import without_explained
from rabbitmq.readings import is_reading_name
from store.model import HUB, Agent, Batch, Check, IncidentChange
from store.series_of_rules import BEYOND_MEASURE

log = logging.getLogger(__name__)

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

    def __init__(self, open_past: OpenPast, rules: Callable[[], RuleSet], foretell: Foretell = forecast) -> None:
        self._open_past = open_past
        self._foretell = foretell
        self._rules_in_force = rules
        self._rules: RuleSet | None = None
        self._turn = 0
        self._turn_ms = 0
        self._forecasts = Forecasts((), 0)
        self._anomalies = Anomalies(())
        self._fleet: Sequence[Rule] = ()
        self._left_out: set[str] = set()  # agents whose turn failed

    def decide(self, memory: FleetMemory, find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
        """What this turn changes, to be kept; None when that is nothing. Raises StoreUnavailable."""
        rules = self._rules_in_force()
        observed = self.observe(memory, rules, now_ms)
        decision = decide_observed(observed, memory, rules, find_remedies, now_ms, withheld=memory.withheld)
        decided = decision and without_explained(decision, memory)
        return decided if decided and (decided.batch.checks or decided.batch.incidents) else None

    def observe(self, memory: Fleet, rules: RuleSet, now_ms: int) -> Observed:
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
            self._forecasts = Forecasts([rule for rule in every if rule.kind is Kind.FORECAST], now_ms, self._foretell)
            self._anomalies = Anomalies([rule for rule in every if rule.kind is Kind.ANOMALY])
            self._fleet = [rule for rule in every if rule.kind is Kind.FLEET]

    def _look_back(self, memory: Fleet, now_ms: int) -> Observed:
        self._anomalies.turn_to(now_ms)
        if self._turn % PARTS == 0:
            known = frozenset(agent.agent_id for agent in memory.agents.values())
            self._forecasts.forget_all_but(known)
            self._anomalies.forget_all_but(known)
        agents = {agent.agent_id: agent for agent in self._whose_turn(memory, now_ms)}
        metrics = sorted(self._forecasts.metrics | self._anomalies.metrics)
        with self._open_past() as past:
            for _ in range(MOMENTS_AT_ONCE):
                if not self._forecasts.is_ready:
                    self._forecasts.load(past)
                elif not self._anomalies.is_ready:
                    self._anomalies.load(past)
            newest = past.newest(metrics, agents.keys())
        observed: dict[str, Sequence[Observation]] = {}
        for agent_id, readings in newest.items():
            try:
                observed[agent_id] = self._observe_agent(agents[agent_id], readings, memory, now_ms)
                self._left_out.discard(agent_id)
            except Exception:  # noqa: BLE001 one agent's trouble ends nobody else's turn
                self._leave_out(agent_id)
        return observed

    def _leave_out(self, agent_id: str) -> None:
        """Said once while it lasts."""
        if agent_id not in self._left_out:
            log.exception("the rules by the clock cannot look at %s, they look at the others", agent_id)
        self._left_out.add(agent_id)

    def _whose_turn(self, memory: Fleet, now_ms: int) -> list[Agent]:
        """A twelfth of the fleet, by chance but always the same, without those that are silent."""
        part = self._turn % PARTS
        return [
            agent
            for agent in memory.agents.values()
            if crc32(agent.agent_id.encode(errors="surrogatepass")) % PARTS == part and agent.is_streaming(now_ms)
        ]

    def _observe_agent(
        self, agent: Agent, readings: Mapping[str, float], memory: Fleet, now_ms: int
    ) -> list[Observation]:
        checks = memory.checks(agent.agent_id)
        measured = {
            name: value for name, value in readings.items() if abs(value) < BEYOND_MEASURE and is_reading_name(name)
        }
        seen = self._anomalies.observe(agent, measured, checks, now_ms)
        if self._forecasts.is_ready:
            seen += self._forecasts.observe(agent, measured, checks, now_ms)
        return seen


def _nothing_withheld(_agent_id: str) -> AbstractSet[Place]:
    return frozenset()


def decide_observed(
    observed: Observed,
    memory: Fleet,
    rules: RuleSet,
    find_remedies: RemedyFinder,
    now_ms: int,
    *,
    withheld: Callable[[str], AbstractSet[Place]] = _nothing_withheld,
) -> Decision | None:
    """What the observations change, and what becomes of checks whose rules are no more; None when nothing. Pure.

    `withheld` gives the checks of an agent that are in trouble and have no incident.
    """
    checks: list[Check] = []
    incidents: list[IncidentChange] = []
    for agent_id, observations in observed.items():
        agent = HUB_AGENT if agent_id == HUB else memory.agent(agent_id)
        if agent is not None:
            checks_of, held = memory.checks(agent_id), withheld(agent_id)
            folded = fold_observations(agent, observations, checks_of, find_remedies, now_ms, held)
            checks += folded.checks
            incidents += folded.incidents
    for ended in end_orphans(memory, rules, now_ms):
        checks += [ended.check] if ended.check else []
        incidents += ended.incidents
    if not checks and not incidents:
        return None
    return Decision(Batch(checks=checks, incidents=incidents, received_ms=now_ms), Learnt())
