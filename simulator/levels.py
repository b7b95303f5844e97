"""How busy and how full an imagined host is: four percentages that move slowly and stay plausible."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

CALM_CPU, CALM_MEMORY, CALM_ROOT, CALM_VAR = (5.0, 60.0), (25.0, 70.0), (20.0, 55.0), (15.0, 60.0)
PULL_HOME = 0.05  # of the distance to its usual value, with each step
HIGHEST = 78.0  # below every limit of the rules: a healthy host stays healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Per cent in use. `root` and `var` are the file systems mounted there."""

    cpu: float
    memory: float
    root: float
    var: float


class Walk:
    """A level that wanders around its usual value."""

    def __init__(self, random: Random, usual: Sequence[float], unrest: float) -> None:
        self._random = random
        self._usual = random.uniform(*usual)
        self._unrest = unrest
        self._value = self._usual

    def step(self) -> float:
        pull = (self._usual - self._value) * PULL_HOME
        self._value = min(HIGHEST, max(0.5, self._value + pull + self._random.gauss(0.0, self._unrest)))
        return self._value


class CalmHost:
    """The levels of one host in good health, the same for the same seed; one step per report."""

    def __init__(self, random: Random) -> None:
        self._cpu = Walk(random, CALM_CPU, unrest=3.0)
        self._memory = Walk(random, CALM_MEMORY, unrest=0.4)
        self._root = Walk(random, CALM_ROOT, unrest=0.01)
        self._var = Walk(random, CALM_VAR, unrest=0.05)

    def step(self) -> Levels:
        return Levels(cpu=self._cpu.step(), memory=self._memory.step(), root=self._root.step(), var=self._var.step())
