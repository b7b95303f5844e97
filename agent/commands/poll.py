"""poll: report now and make all checks, without waiting for the interval."""

from agent.commands.command import Arguments, Commandable


def run(agent: Commandable, _arguments: Arguments) -> str:
    agent.report_now()
    return "reported"
