"""Which metric groups a host does not measure because somebody said so."""

from rabbitmq.readings import METRIC_GROUPS
from store.model import Agent

BY_GROUP, BY_FILE = "switched off by its group's setting", "switched off in its agent's file"


def switched_off(agent: Agent) -> dict[str, str]:
    """By name, with who said so; none of an agent that is too old to choose."""
    by = BY_GROUP if agent.collectors_told else BY_FILE
    return {name: by for name in METRIC_GROUPS if agent.collectors and name not in agent.collectors}
