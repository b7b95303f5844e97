"""A network of our own: programs in one namespace reach this host through another, which loses what it is told to.

    agents (inner) ---- (middle) road (outer) ---- this host

The firewall stands on the road, as in real networks: a packet dropped in the sender itself, its kernel would notice.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

from faults.row import CannotRun

MOST_NETWORKS = 250


class Namespace:
    """Programs inside reach this host at `host_address` and nothing else."""

    def __init__(self, process_id: int) -> None:
        """One for each process; nothing is made yet."""
        self._agents, self._road = f"healthmon-agents-{process_id}", f"healthmon-road-{process_id}"
        self._cable = self._net = ""
        self.inside, self._on_road = _into(self._agents), _into(self._road)

    def make(self) -> None:
        """Raises CannotRun where this machine does not let us."""
        if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"):
            raise CannotRun("needs root, ip and iptables")
        try:
            self._lay_cables()
            self._give_addresses()
        except subprocess.CalledProcessError as error:
            self.remove()
            raise CannotRun(f"network namespaces: {error.stderr.decode().strip()}") from error
        except BaseException:  # as when we are told to end
            self.remove()
            raise

    @property
    def host_address(self) -> str:
        return f"{self._net}.1"

    def remove(self) -> None:
        """With a namespace go its cables, its firewall and this host's route through them."""
        for name in (self._agents, self._road):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def drop_outgoing(self) -> None:
        """What the agents send vanishes, what is sent to them arrives."""
        self._rule("-i", "middle", "-j", "DROP")

    def drop_incoming(self, *match: str) -> None:
        """What is sent to the agents vanishes; `match` restricts it, in iptables' words."""
        self._rule("-o", "middle", *match, "-j", "DROP")

    def drop_some(self, probability: float) -> None:
        """Packets get lost at random, in both directions."""
        self._rule("-m", "statistic", "--mode", "random", "--probability", str(probability), "-j", "DROP")

    def reject_with_reset(self) -> None:
        """Whoever sends, from either side, is told at once that there is no such connection."""
        self._rule("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")

    def dropped_packets(self) -> int:
        """By the rules of now."""
        listed = _run(*self._on_road, "iptables", "-L", "FORWARD", "-v", "-x", "-n")
        return sum(int(line.split()[0]) for line in listed.splitlines() if " DROP " in line and "policy" not in line)

    def heal(self) -> None:
        _run(*self._on_road, "iptables", "-F", "FORWARD")

    def _lay_cables(self) -> None:
        for name in (self._agents, self._road):
            _run("ip", "netns", "add", name)
        self._cable, self._net = self._lay_numbered_cable()
        _run(
            *(*self._on_road, "ip", "link", "add", "middle", "type", "veth"),
            *("peer", "name", "inner", "netns", self._agents),
        )

    def _lay_numbered_cable(self) -> tuple[str, str]:
        """The number of the first cable that nobody has is that of our addresses: no two rigs share them."""
        for number in range(1, MOST_NETWORKS + 1):
            cable = f"hmf{number}"
            try:
                _run("ip", "link", "add", cable, "type", "veth", "peer", "name", "outer", "netns", self._road)
            except subprocess.CalledProcessError as error:
                if b"File exists" not in error.stderr:
                    raise
            else:
                return cable, f"10.213.{number}"
        raise CannotRun(f"all {MOST_NETWORKS} networks are taken: see `ip link` for hmf1 and on")

    def _give_addresses(self) -> None:
        outer, middle, inner = (f"{self._net}.{number}" for number in (2, 5, 6))
        for where, device, address in (
            ((), self._cable, self.host_address),
            (self._on_road, "outer", outer),
            (self._on_road, "middle", middle),
            (self.inside, "inner", inner),
        ):
            _run(*where, "ip", "address", "add", f"{address}/30", "dev", device)
            _run(*where, "ip", "link", "set", device, "up")
        _run(*self.inside, "ip", "link", "set", "lo", "up")
        _run(*self.inside, "ip", "route", "add", "default", "via", middle)
        _run(*self._on_road, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        _run("ip", "route", "add", f"{self._net}.4/30", "via", outer)

    def _rule(self, *rule: str) -> None:
        _run(*self._on_road, "iptables", "-A", "FORWARD", *rule)


def _into(name: str) -> Sequence[str]:
    """`ip netns exec` would copy all mounts too: the disk of another rig stays busy as long as the program lives."""
    return ("nsenter", f"--net=/run/netns/{name}", "--")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()
