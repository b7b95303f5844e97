"""configure: how often to report, from 1 to 300 s; null returns to what the agent's settings say."""

from agent.commands.command import Arguments, Commandable, Refused
from agent.interval import LONGEST_SECONDS, SHORTEST_SECONDS

KEY = "interval_seconds"


def run(agent: Commandable, arguments: Arguments) -> str:
    return agent.report_every(_interval_seconds(arguments))


def _interval_seconds(arguments: Arguments) -> float | None:
    if unknown := sorted(arguments.keys() - {KEY}):
        raise Refused(f"{', '.join(unknown)[:200]} cannot be configured, only {KEY} can")
    if KEY not in arguments:
        raise Refused(f"{KEY} is missing")
    value = arguments[KEY]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{KEY} must be a number of seconds, or null")
    if not SHORTEST_SECONDS <= value <= LONGEST_SECONDS:
        raise Refused(f"{KEY} must be from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}")
    return float(value)
