"""Which start of the agent numbers its records: the hub tells by it a restart from a second agent with a copied id."""

import secrets
from typing import NamedTuple


class Instance(NamedTuple):
    """A random name, and the first number that this start gives."""

    name: str
    epoch: int
    seq: int


def new_instance(epoch: int, seq: int) -> Instance:
    return Instance(secrets.token_hex(8), epoch, seq)
