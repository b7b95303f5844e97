"""Who holds an agent's identity: its latest start. What another start assigned since is in no series."""

from enum import Enum

from processor.plausibility import EPOCHS_AHEAD
from rabbitmq.message import Numbering
from store.model import Agent


class Standing(Enum):
    """What a message's sender is to the agent whose id it carries."""

    HOLDER = "holder"
    SUCCESSOR = "successor"  # a later start, which holds the identity from now on
    OTHER = "other"  # an earlier start, or one of a copied or restored state folder


def standing(agent: Agent, numbering: Numbering, known_seq: int) -> Standing:
    """A start is later when its first number is. `known_seq` is the last number known of that number's epoch.

    A holder that began in memory leaves nothing on disk: the next start may go on below it, with a number nobody knew.
    Agents that do not tell their instance are believed.
    """
    if numbering.instance in ("", agent.instance):
        return Standing.HOLDER
    birth = numbering.instance_epoch, numbering.instance_seq
    if birth[0] > agent.epoch + EPOCHS_AHEAD:
        return Standing.OTHER
    goes_on = is_of_memory(agent.instance_epoch) and numbering.instance_seq > known_seq
    if not agent.instance or birth > (agent.instance_epoch, agent.instance_seq) or goes_on:
        return Standing.SUCCESSOR
    return Standing.OTHER


def is_before(agent: Agent, epoch: int, seq: int) -> bool:
    """Whether a record of another start was assigned before the holder began, and only arrives now."""
    return epoch == agent.instance_epoch and seq < agent.instance_seq


def is_of_memory(epoch: int) -> bool:
    """Whether an epoch is kept in the agent's memory: such a one has an odd counter, and dies with its process."""
    return bool(epoch >> 32 & 1)
