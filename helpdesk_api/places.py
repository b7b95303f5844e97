"""Where an incident is: on a host, among hosts that share something, or on the way of all records."""

from collections.abc import Callable, Mapping

from store.model import HUB

PIPELINE = "the pipeline"
_SHARED: Mapping[str, Callable[[str], str]] = {
    "group": lambda name: f"group {name}",
    "network": lambda name: f"network {name}",
    "fleet": lambda _: "the fleet",
}


def place_name(agent_id: str, host_name: str | None, subject: str) -> str:
    """What people call the place. The hub's subjects are like `group="web"`, or empty for the pipeline."""
    if agent_id != HUB:
        return host_name or agent_id
    kind, _, name = subject.partition("=")
    called = _SHARED.get(kind)
    return called(name.removeprefix('"').removesuffix('"')) if called else PIPELINE


def place_href(agent_id: str, number: int) -> str:
    """The host's page, or the incident's own where no host stands behind it."""
    return f"/i/{number}" if agent_id == HUB else f"/h/{agent_id}"
