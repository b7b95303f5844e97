"""Neighbours: agents that fell silent together have one cause, and it is not on each of their hosts. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from processor.findings import GROUP_SILENT
from processor.silence.verdict import Verdict
from store.model import HUB, Agent, CheckKey

WITHIN_MS = 60_000
AT_LEAST = 3
GROWN_AFTER_MS = 10_000

Circle = tuple[str, str]
"""What agents have in common: ("group", name), ("network", prefix) or ("fleet", "all")."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """One agent that a silence verdict blames, and since when it is silent by the processor's monotonic clock."""

    since_ms: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`silent` of the `total` agents of a circle fell silent within `within_ms` of each other."""

    circle: Circle
    silent: int
    total: int
    within_ms: int
    is_uplink: bool

    @property
    def key(self) -> CheckKey:
        """The hub's incident, of which those of the family's agents depend."""
        return CheckKey(HUB, GROUP_SILENT.rule, subject_of(self.circle))

    @property
    def sentence(self) -> str:
        cause = (
            "their uplink, not the hosts" if self.is_uplink else "they share a cause: an update, a script, one machine"
        )
        kind, name = self.circle
        seconds = max(1, -(-self.within_ms // 1000))
        return f"{self.silent} of {self.total} agents{_WHERE[kind](name)} fell silent within {seconds} s: {cause}"


def families_of(fallen: Mapping[str, Fallen], fleet: Mapping[str, Agent]) -> Mapping[str, Family]:
    """The family of each agent that has one, by agent id.

    At least 3 agents and half of a group, else of a network (/24, of IPv6 /64), else of all, silent within a minute of
    each other. Agents that said goodbye, or were silent long before, do not count as members.
    """
    if len(fallen) < AT_LEAST:
        return {}
    silent: dict[Circle, list[str]] = defaultdict(list)
    for agent_id in fallen:
        for circle in circles_of(fleet[agent_id]):
            silent[circle].append(agent_id)
    living = Counter(
        circle
        for agent_id, agent in fleet.items()
        if agent_id not in fallen and agent.goodbye_ms is None
        for circle in circles_of(agent)
        if circle in silent
    )
    families: dict[str, Family] = {}
    for circle in sorted(silent, key=lambda it: _RANK[it[0]], reverse=True):  # the closest has the last word
        together = _together(silent[circle], fallen)
        total = len(together) + living[circle]
        if len(together) >= AT_LEAST and 2 * len(together) >= total:
            family = _family(circle, together, total, fallen)
            families |= dict.fromkeys(together, family)
    return families


def family_of(agent_id: str, fallen: Mapping[str, Fallen], fleet: Mapping[str, Agent]) -> Family | None:
    """The family of one agent, None when it is silent alone."""
    return families_of(fallen, fleet).get(agent_id)


class FamilyBook:
    """What people are told of families: when one appears, and once more when its number has stopped growing.

    They are looked for when somebody falls silent or is heard again, not at each look at the same silence.
    """

    def __init__(self) -> None:
        self._fallen: Mapping[str, Fallen] = {}
        self._families: Mapping[str, Family] = {}
        self._told: dict[Circle, Family] = {}
        self._grown: dict[Circle, tuple[int, int]] = {}  # its number, since when

    def as_told(self, fallen: Mapping[str, Fallen], fleet: Mapping[str, Agent], now_ms: int) -> Mapping[str, Family]:
        """The family of each agent that has one, in the words of the last time that it was told of."""
        if fallen != self._fallen:
            self._fallen, self._families = dict(fallen), families_of(fallen, fleet)
        families = self._families
        present = {family.circle: family for family in families.values()}
        self._told = {circle: self._to_tell(family, now_ms) for circle, family in present.items()}
        return {agent_id: self._told[family.circle] for agent_id, family in families.items()}

    def _to_tell(self, family: Family, now_ms: int) -> Family:
        told = self._told.get(family.circle)
        if told is None:
            self._grown[family.circle] = family.silent, now_ms
            return family
        number, since_ms = self._grown[family.circle]
        if family.silent != number:
            self._grown[family.circle] = family.silent, now_ms
        elif family.silent > told.silent and now_ms - since_ms >= GROWN_AFTER_MS:
            return family
        return told


def _family(circle: Circle, together: list[str], total: int, fallen: Mapping[str, Fallen]) -> Family:
    down = sum(fallen[agent_id].verdict is Verdict.HOST_OR_UPLINK_DOWN for agent_id in together)
    within_ms = fallen[together[-1]].since_ms - fallen[together[0]].since_ms
    return Family(
        circle=circle, silent=len(together), total=total, within_ms=within_ms, is_uplink=2 * down >= len(together)
    )


def _together(agent_ids: list[str], fallen: Mapping[str, Fallen]) -> list[str]:
    """The most of them that fell silent within one minute, in the order in which they did."""
    ordered = sorted(agent_ids, key=lambda agent_id: fallen[agent_id].since_ms)
    best, first = range(0), 0
    for last, agent_id in enumerate(ordered):
        while fallen[agent_id].since_ms - fallen[ordered[first]].since_ms > WITHIN_MS:
            first += 1
        if last - first >= len(best):
            best = range(first, last + 1)
    return ordered[best.start : best.stop]


def subject_of(circle: Circle) -> str:
    """The subject of the hub's incident about this circle."""
    kind, name = circle
    return f'{kind}="{name}"'


def circles_of(agent: Agent) -> Iterator[Circle]:
    """The circles of an agent, the closest first."""
    if agent.group_name:
        yield "group", agent.group_name
    network = _network(agent.peer_host)
    if network:
        yield "network", network
    yield "fleet", "all"


def _network(peer_host: str | None) -> str:
    """Empty where there is none: no address, or the broker's own host."""
    try:
        address = ip_address(peer_host or "")
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    return str(ip_network(f"{address}/{24 if isinstance(address, IPv4Address) else 64}", strict=False))


_RANK = {"group": 0, "network": 1, "fleet": 2}
_WHERE = {"group": " of group {}".format, "network": " of network {}".format, "fleet": "".format}
