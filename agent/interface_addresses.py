"""The IP addresses of network interfaces, from files that show another network namespace as well as one's own."""

import sys
from collections import defaultdict
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from agent.host import Host

LOOPBACK = IPv4Network("127.0.0.0/8")


def interface_addresses(host: Host) -> dict[str, list[str]]:
    """Addresses by interface, IPv4 first; empty where the system has no such files."""
    folder = "1/net" if host.is_mounted else "self/net"
    found: dict[str, list[str]] = defaultdict(list)
    with suppress(OSError):
        routes = parse_routes(host.read_proc(f"{folder}/route").decode("ascii", "backslashreplace"))
        for address in parse_local_addresses(host.read_proc(f"{folder}/fib_trie").decode("ascii")):
            interface = interface_of(address, routes)
            if interface:
                found[interface].append(str(address))
    with suppress(OSError):
        for line in host.read_proc(f"{folder}/if_inet6").decode("ascii", "backslashreplace").splitlines():
            fields = line.split()
            found[fields[5]].append(str(IPv6Address(int(fields[0], 16))))
    return dict(found)


def parse_local_addresses(fib_trie: str) -> list[IPv4Address]:
    """This system's own IPv4 addresses: leaves of the kernel's routing trie marked as local hosts."""
    local: dict[IPv4Address, None] = {}
    leaf = ""
    for line in fib_trie.splitlines():
        _, is_leaf, text = line.partition("|-- ")
        if is_leaf:
            leaf = text
        elif line.endswith("/32 host LOCAL"):
            local[IPv4Address(leaf)] = None
    return list(local)


def parse_routes(table: str) -> list[tuple[IPv4Network, str]]:
    """Networks reached without a gateway, with their interfaces; the narrowest first."""
    routes = []
    for fields in (line.split() for line in table.splitlines()[1:]):
        interface, destination, gateway, mask = fields[0], fields[1], fields[2], fields[7]
        if gateway == "00000000" and mask != "00000000":
            network = IPv4Network((_address(destination), str(_address(mask))))
            routes.append((network, interface))
    return sorted(routes, key=lambda route: -route[0].prefixlen)


def interface_of(address: IPv4Address, routes: list[tuple[IPv4Network, str]]) -> str | None:
    """The interface whose network holds the address, or None."""
    if address in LOOPBACK:
        return "lo"
    return next((interface for network, interface in routes if address in network), None)


def _address(hexadecimal: str) -> IPv4Address:
    """The kernel writes addresses as 32-bit numbers in the machine's own byte order."""
    return IPv4Address(int.from_bytes(bytes.fromhex(hexadecimal), sys.byteorder))
