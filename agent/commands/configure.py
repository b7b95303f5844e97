"""configure: how often to report, from 1 to 300 s, and which metric groups; null returns to the agent's settings."""

from agent.commands.command import Arguments, Commandable, Refused
from agent.interval import LONGEST_SECONDS, SHORTEST_SECONDS
from agent.metric_groups import BadChoice, Names, choice

INTERVAL, COLLECTORS = "interval_seconds", "collectors"
KEYS = (INTERVAL, COLLECTORS)


def run(agent: Commandable, arguments: Arguments) -> str:
    """What is not given stays as it is; nothing changes when any of it cannot be."""
    if unknown := sorted(arguments.keys() - set(KEYS)):
        raise Refused(f"{', '.join(unknown)[:200]} cannot be configured, only {' and '.join(KEYS)} can")
    if not arguments:
        raise Refused(f"{INTERVAL} is missing, and so is {COLLECTORS}")
    seconds, names = _interval_seconds(arguments.get(INTERVAL)), _collectors(arguments.get(COLLECTORS))
    done = []
    if INTERVAL in arguments:
        done.append(agent.report_every(seconds))
    if COLLECTORS in arguments:
        done.append(agent.report_only(names))
    return "; ".join(done)


def _interval_seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{INTERVAL} must be a number of seconds, or null")
    if not SHORTEST_SECONDS <= value <= LONGEST_SECONDS:
        raise Refused(f"{INTERVAL} must be from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}")
    return float(value)


def _collectors(value: object) -> Names | None:
    try:
        return None if value is None else choice(value)
    except BadChoice as why:
        raise Refused(f"{COLLECTORS}: {why}") from why
