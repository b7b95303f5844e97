"""Ports of servers that stop and start again: no other rig takes one meanwhile."""

import socket

from deploy.local.broker import free_ports


def claim_ports(count: int) -> list[int]:
    """Free TCP ports; whoever else asks here, in any process, gets others as long as this process lives."""
    ports: list[int] = []
    while len(ports) < count:
        (port,) = free_ports(1)
        if _is_claimed_now(port):
            ports.append(port)
    return ports


def _is_claimed_now(port: int) -> bool:
    """The claim is an abstract socket's name, of which this host has one."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0healthmon-faults-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # the kernel lets go of it with this process
    return True
