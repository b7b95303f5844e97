"""Addresses people configure."""

import ipaddress


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`; a name other than localhost counts as reachable."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
