"""Each silent agent's one incident: opened, reworded and closed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from processor.memory import FleetMemory
from processor.silence.facts import Facts, Link
from processor.silence.family import Fallen, Family
from processor.silence.sentences import heard_sentence, silence_sentence, stopped_sentence
from processor.silence.steps import Steps, silent_key, standing_check
from processor.silence.verdict import ALERTING, Verdict, closed_for_good_ms
from store.model import Change


@dataclass(frozen=True, slots=True)
class Told:
    """What an open incident says. `verdict` is None when another processor said it. `at_ms` is the monotonic clock."""

    verdict: Verdict | None
    family: Family | None
    at_ms: int


class AgentRecord:
    """One look at the agents that may be silent: `take` each, then `tell` with their families. `told` is what open
    incidents say, and what they will say once the steps are kept."""

    def __init__(self, told: Mapping[str, Told], memory: FleetMemory, steps: Steps) -> None:
        self.told = dict(told)
        self.fallen: dict[str, Fallen] = {}
        self._facts: dict[str, Facts] = {}
        self._blamed: set[str] = set()  # by what is known at this moment
        self._memory = memory
        self._steps = steps

    def take(self, agent_id: str, found: Verdict, facts: Facts) -> None:
        """Whoever is blamed counts as silent, and goes on to while nothing new can be said."""
        told = self.told.get(agent_id)
        self._facts[agent_id] = facts
        if found in ALERTING and facts.link is Link.UNKNOWN and told is not None and told.verdict is Verdict.AGENT_DIED:
            found = Verdict.AGENT_DIED  # the broker that saw its connection end has started anew
        if found in ALERTING:
            self._blamed.add(agent_id)
            closed_ms = closed_for_good_ms(facts)
            self.fallen[agent_id] = Fallen(facts.heard_ms if closed_ms is None else closed_ms, found)
        elif told is None:
            return
        elif found is Verdict.STOPPED_CLEANLY or (found is Verdict.HEARD and facts.heard_ms > told.at_ms):
            self._close(agent_id, found)
        else:
            self.fallen[agent_id] = Fallen(facts.heard_ms, told.verdict or Verdict.HOST_OR_UPLINK_DOWN)

    @property
    def unopened(self) -> list[str]:
        """The silent agents that have no open incident."""
        keys = {agent_id: silent_key(agent_id) for agent_id in self.fallen}
        return [
            agent_id
            for agent_id, key in keys.items()
            if self._memory.is_withheld(key) or standing_check(self._memory, key) is None
        ]

    def heard_ms(self, agent_id: str) -> int:
        """When the agent, one that was taken, was heard last."""
        return self._facts[agent_id].heard_ms

    def tell(self, families: Mapping[str, Family], explained: Collection[str]) -> None:
        """Open the incidents of who fell silent, and reword those that say something else by now.

        Who is `explained` gets none; one that was withheld opens once nothing explains it and it is blamed anew.
        """
        now_ms = self._steps.clocks.monotonic_ms
        for agent_id, fallen in self.fallen.items():
            key, told = silent_key(agent_id), self.told.get(agent_id)
            says = Told(fallen.verdict, families.get(agent_id), now_ms if told is None else told.at_ms)
            standing, facts = standing_check(self._memory, key), self._facts[agent_id]
            is_withheld = self._memory.is_withheld(key)
            if agent_id in explained:
                if standing is None:
                    self._steps.withhold(key, (now_ms - facts.heard_ms) / 1000)
                self.told[agent_id] = says
                continue
            is_settled = agent_id not in self._blamed if is_withheld else told == says
            if is_settled:
                continue
            sentence = silence_sentence(fallen.verdict, facts, says.family, self._steps.clocks)
            if standing is None or is_withheld:
                self._steps.open(key, fallen.verdict, (now_ms - facts.heard_ms) / 1000, sentence)
            elif told is not None and told.verdict is not None:
                self._steps.change(standing, _change(told, says), standing.value, sentence)
            self.told[agent_id] = says

    def _close(self, agent_id: str, found: Verdict) -> None:
        key = silent_key(agent_id)
        standing = standing_check(self._memory, key)
        del self.told[agent_id]
        if standing is None:
            return
        if self._memory.is_withheld(key):
            self._steps.forget(key)
            return
        if found is Verdict.STOPPED_CLEANLY:
            sentence = stopped_sentence(self._memory.agents[agent_id].goodbye_reason or "")
        else:
            sentence = heard_sentence(self._steps.clocks.wall_ms - standing.since_ms + round(1000 * standing.value))
        self._steps.close(key, 0.0, sentence)


def _change(told: Told, says: Told) -> Change:
    """A family that has grown is the same news in newer numbers."""
    told_circle, circle = (None if it.family is None else it.family.circle for it in (told, says))
    if told.verdict is says.verdict and told_circle == circle:
        return Change.RESTATED
    is_wider = circle is not None and circle != told_circle
    return Change.WORSENED if is_wider or says.verdict is Verdict.HOST_OR_UPLINK_DOWN else Change.EASED
