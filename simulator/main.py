"""healthmon simulate: N agents of imagined hosts report to the broker as true agents do, from one process.

To see how much a broker and a help desk carry, and how each trouble looks. The records are true ones: the hosts
sim-SEED-0001, sim-SEED-0002, ... appear in the help desk, say goodbye at the end and stay there as stopped, so use a
stack that is made for trying things out. Broker and account come from HEALTHMON_RABBITMQ_*, as for healthmon-agent;
HEALTHMON_AGENT_PASSWORD, where it is set, is the password.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from math import ceil
from typing import NoReturn

from agent.settings import ConfigError, Settings, load_settings
from simulator.room import NoRoom, make_room
from simulator.trouble import NO_TROUBLE, TROUBLES

MOST_AGENTS = 5_000
LONGEST_INTERVAL_SECONDS = 300.0
LONGEST_SECONDS = 86_400.0
DEFAULT_SECONDS = 60.0  # so that nobody fills a database by forgetting it

EPILOG = """\
Exit codes: 0 everything was confirmed; 64 usage; 69 the broker cannot be reached; 75 the broker did not confirm
everything; 130 interrupted (Ctrl-C says the goodbyes first, a second one does not wait for them).

Kinds of trouble (the first agent has it, and every tenth after it; it begins with the third report):
"""


class ExitCode(IntEnum):
    """The operator's terminal's numbers."""

    OK = 0
    USAGE = 64
    UNREACHABLE = 69
    UNCONFIRMED = 75
    INTERRUPTED = 130


class Misuse(Exception):
    """What is wrong with the arguments, and what now."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate what the arguments say; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if options.trouble == "duplicate-id" and options.agents < 2:
            raise Misuse("Two agents share an id: give --agents 2 or more.")
        settings = _settings(os.environ)
        make_room(options.agents, reports_each=ceil(options.duration / options.interval) + 1)
    except (Misuse, NoRoom, ConfigError) as error:
        print(error, file=sys.stderr)
        return ExitCode.USAGE
    return _simulate(options, settings)


def _simulate(options: argparse.Namespace, settings: Settings) -> int:
    from simulator.fleet import Fleet, Plan  # loads the driver, which --help does without

    for name in ("agent", "pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # thousands would say the same; the lines sum it up
    plan = Plan(
        agents=options.agents,
        interval_seconds=options.interval,
        duration_seconds=options.duration,
        seed=options.seed,
        trouble=TROUBLES.get(options.trouble, NO_TROUBLE),
    )
    _tell(f"{plan.agents:,} agents report to {settings.broker} every {plan.interval_seconds:g} s")
    fleet = Fleet(plan, settings.broker, _tell, reconnect_max_seconds=settings.reconnect_max_seconds)
    was_interrupted = _stop_at_signals(fleet.stop_soon)
    totals = fleet.run()
    if was_interrupted():
        return ExitCode.INTERRUPTED
    if not fleet.was_connected:
        return ExitCode.UNREACHABLE
    return ExitCode.UNCONFIRMED if totals.waiting or totals.lost else ExitCode.OK


def _stop_at_signals(stop_soon: Callable[[], None]) -> Callable[[], bool]:
    """The first signal asks to stop, the next one ends the program. Tells afterwards whether one came."""
    caught: list[int] = []

    def catch(number: int, _frame: object) -> None:
        caught.append(number)
        signal.signal(number, signal.SIG_DFL)
        stop_soon()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, catch)
    return lambda: bool(caught)


def _settings(environment: Mapping[str, str]) -> Settings:
    """As the agent reads them; where the servers are told the agents' password, that one counts."""
    agents_password = environment.get("HEALTHMON_AGENT_PASSWORD")
    return load_settings(
        {**environment, "HEALTHMON_RABBITMQ_PASSWORD": agents_password} if agents_password else environment
    )


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<16} {trouble.meaning}" for name, trouble in TROUBLES.items())
    parser = _Parser(
        prog="healthmon simulate",
        description=__doc__,
        epilog=EPILOG + kinds,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    most = f"1 to {MOST_AGENTS:,}"
    parser.add_argument("--agents", type=_whole_to(MOST_AGENTS), required=True, metavar="N", help=most)
    parser.add_argument(
        "--interval",
        type=_seconds_to(LONGEST_INTERVAL_SECONDS),
        default=5.0,
        metavar="S",
        help=f"seconds between two reports of an agent, 1 to {LONGEST_INTERVAL_SECONDS:g}, else %(default)g",
    )
    parser.add_argument("--trouble", choices=TROUBLES, metavar="KIND", help="one of the kinds below")
    parser.add_argument(
        "--duration",
        type=_seconds_to(LONGEST_SECONDS),
        default=DEFAULT_SECONDS,
        metavar="S",
        help=f"seconds to go on once all agents have started, up to {LONGEST_SECONDS:g}, else %(default)g",
    )
    parser.add_argument(
        "--seed", type=_whole_to(9_999), default=1, metavar="N", help="another number is another fleet, else 1"
    )
    return parser


class _Parser(argparse.ArgumentParser):
    """Ends with the number for usage that `healthmon` has."""

    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{message}. Try: healthmon simulate --help")


def _whole_to(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"give a whole number from 1 to {most:,}")

    return number


def _seconds_to(most: float) -> Callable[[str], float]:
    def seconds(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if 1 <= value <= most:
            return value
        raise argparse.ArgumentTypeError(f"give seconds from 1 to {most:g}")

    return seconds
