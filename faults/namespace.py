"""A network of our own: programs in one namespace reach this host through another, which loses what it is told to.

    agents (inner) ---- (middle) road (outer) ---- this host

The firewall stands on the road, as in real networks: a packet dropped in the sender itself, its kernel would notice.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

from faults.row import CannotRun


class Namespace:
    """Programs inside reach this host at `host_address` and nothing else."""

    def __init__(self) -> None:
        process_id = os.getpid()
        self._agents, self._road = f"healthmon-agents-{process_id}", f"healthmon-road-{process_id}"
        self._cable = f"hmf{process_id}"
        net = f"10.213.{process_id % 250 + 1}"
        self.host_address, self._outer = f"{net}.1", f"{net}.2"
        self._middle, self._inner, self._inner_net = f"{net}.5", f"{net}.6", f"{net}.4/30"
        self.inside: Sequence[str] = ("ip", "netns", "exec", self._agents)
        self._on_road: Sequence[str] = ("ip", "netns", "exec", self._road)

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

    def heal(self) -> None:
        _run(*self._on_road, "iptables", "-F", "FORWARD")

    def _lay_cables(self) -> None:
        for name in (self._agents, self._road):
            _run("ip", "netns", "add", name)
        _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "outer", "netns", self._road)
        _run(
            *(*self._on_road, "ip", "link", "add", "middle", "type", "veth"),
            *("peer", "name", "inner", "netns", self._agents),
        )

    def _give_addresses(self) -> None:
        for where, device, address in (
            ((), self._cable, self.host_address),
            (self._on_road, "outer", self._outer),
            (self._on_road, "middle", self._middle),
            (self.inside, "inner", self._inner),
        ):
            _run(*where, "ip", "address", "add", f"{address}/30", "dev", device)
            _run(*where, "ip", "link", "set", device, "up")
        _run(*self.inside, "ip", "link", "set", "lo", "up")
        _run(*self.inside, "ip", "route", "add", "default", "via", self._middle)
        _run(*self._on_road, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        _run("ip", "route", "add", self._inner_net, "via", self._outer)

    def _rule(self, *rule: str) -> None:
        _run(*self._on_road, "iptables", "-A", "FORWARD", *rule)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
