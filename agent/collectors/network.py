"""How much goes over each network interface, and how much of it goes wrong."""

from agent.collectors.collector import EVERYWHERE, Fact, labelled
from agent.collectors.rates import Rate, Rates
from agent.host import Host
from rabbitmq.records import Readings

DIRECTIONS = ("receive", "transmit")
# The first of a direction's eight columns of /proc/net/dev.
COUNTS = ("bytes", "packets", "errors", "drops")
COUNTED, COLUMNS = len(COUNTS), 8
PACKETS = COUNTS.index("packets")
METRICS = tuple(f"network.{direction}_{count}_per_second" for direction in DIRECTIONS for count in COUNTS)

_MEANINGS = {
    "bytes": ("B/s", "Bytes", "system.network.io"),
    "packets": ("1/s", "Packets", "system.network.packet.count"),
    "errors": ("1/s", "Packets spoilt by errors", "system.network.errors"),
    "drops": ("1/s", "Packets dropped", "system.network.packet.dropped"),
}
_VERBS = {"receive": "received", "transmit": "sent"}

FACTS = tuple(
    Fact(
        metric=f"network.{direction}_{count}_per_second",
        label="interface",
        unit=_MEANINGS[count][0],
        meaning=f"{_MEANINGS[count][1]}, {_VERBS[direction]}.",
        opentelemetry=f"{_MEANINGS[count][2]} (network.io.direction={direction})",
        in_container="Of the container's own interfaces.",
        platform=EVERYWHERE,
    )
    for direction in DIRECTIONS
    for count in COUNTS
)


class Network:
    """Rates of each interface that ever carried a packet; the host's ends of containers' links are left out."""

    name = "network"
    period_seconds = None
    facts = FACTS

    def __init__(self) -> None:
        self._rates = Rates()

    def collect(self, host: Host, now_seconds: float) -> Readings:
        table = host.read_proc("1/net/dev" if host.is_mounted else "self/net/dev")
        return network_readings(self._rates.per_second(parse_net_dev(table), now_seconds))


def parse_net_dev(table: bytes) -> dict[str, tuple[float, ...]]:
    """By interface: the counts behind `METRICS`, in their order."""
    interfaces = {}
    for line in table.decode("utf-8", "backslashreplace").splitlines()[2:]:
        name, _, rest = line.rpartition(":")
        interface = name.strip()
        if interface.startswith("veth"):
            continue
        columns = rest.split()
        counts = tuple(map(float, columns[:COUNTED] + columns[COLUMNS : COLUMNS + COUNTED]))
        if any(counts[PACKETS::COUNTED]):
            interfaces[interface] = counts
    return interfaces


def network_readings(rates: Rate) -> Readings:
    """Readings from rates in the order of `METRICS`."""
    return {
        labelled(metric, "interface", interface): value
        for interface, values in rates.items()
        for metric, value in zip(METRICS, values, strict=True)
    }
