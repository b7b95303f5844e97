"""poll: report now, without waiting for the interval."""

from agent.commands.command import Commandable


def run(agent: Commandable) -> str:
    agent.report_now()
    return "reported"
