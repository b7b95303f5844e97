"""healthmon-agent: reports this host to the hub.

Exit codes: 0 done; status: 0 an agent runs here, 1 none does (fit for a health check); 2 bad settings or usage;
70 an internal error ended the agent; 130 interrupted.
"""

import argparse
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.settings import DEFAULT_FILE, PREFIX, ConfigError, Settings, load_settings
from console.colour import wants_colour
from console.logs import start_logging
from rabbitmq.version import __version__

if TYPE_CHECKING:
    from agent.collectors.collection import Running

OK, NOT_RUNNING, BAD_SETTINGS, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 70, 130
GREEN, YELLOW, BOLD_RED, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"
CALM = {"ok": GREEN, "starting": PLAIN, "WARNING": YELLOW}
RATE_SECONDS = 1.0  # between the two collections of `snapshot`, so that rates are there

log = logging.getLogger("agent")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace, Settings], int] = options.command
    try:
        return command(options, _settings(begins_to_log=command is _run))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return BAD_SETTINGS
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - the last resort of the program: tell all of it and end
        traceback.print_exc()
        return INTERNAL_ERROR


def _settings(*, begins_to_log: bool) -> Settings:
    """All that is wrong with them at once, with how to log where the command does."""
    problems: list[str] = []
    if begins_to_log:
        try:
            start_logging(os.environ)
        except ValueError as error:
            problems = [f"environment: {problem}" for problem in str(error).splitlines()]
    try:
        settings = load_settings(os.environ)
    except ConfigError as error:
        problems.extend(error.problems)
        raise ConfigError(problems) from error
    if problems:
        raise ConfigError(problems)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="healthmon-agent", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="run | status | snapshot | version")
    run = commands.add_parser("run", help="report this host until SIGTERM or Ctrl-C")
    run.set_defaults(command=_run)
    status = commands.add_parser("status", help="how the agent on this host is doing; works with the hub down")
    status.add_argument("--json", action="store_true", help="one JSON object per agent and line")
    status.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    status.set_defaults(command=_status)
    snapshot = commands.add_parser("snapshot", help="print a snapshot's readings as they would be sent; sends nothing")
    snapshot.add_argument("--json", action="store_true", help="the record as it travels")
    snapshot.set_defaults(command=_snapshot)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


# Each command imports what it needs: `status` is a health check and must not load the broker's driver.


def _run(_options: argparse.Namespace, settings: Settings) -> int:
    from agent import actions, check_settings
    from agent.agent import Agent
    from agent.host import Host
    from agent.identity import claim_identity
    from agent.local_rules import load_rules
    from agent.program_safety import why_settings_changeable

    os.umask(0o077)
    file = os.environ.get(f"{PREFIX}AGENT_FILE") or str(DEFAULT_FILE)
    if why_not := why_settings_changeable(file):
        raise ConfigError([f"{why_not}."])
    known_checks = {rule.rule_id for rule in load_rules()} | {check.name for check in settings.checks}
    problems = check_settings.problems_of(settings.checks, file)
    problems += actions.problems_of(settings.actions, known_checks, file)
    if problems:
        raise ConfigError(problems)
    identity = claim_identity(Path(settings.state_dir))
    agent = Agent(settings, identity, Host.detect(os.environ), _collectors(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: agent.stop("stopped"))
    agent.run()
    return OK


def _collectors(settings: Settings) -> "list[Running]":
    """The agent's own and those of the user's folder; what of that is refused stands in each snapshot, too."""
    from agent.collectors import all_collectors
    from agent.collectors.collection import Running
    from agent.custom_collectors import load_custom_collectors

    collectors = [each for each in all_collectors() if each.collector.name in settings.collectors]
    if settings.collectors_dir is not None:
        found, refused = load_custom_collectors(Path(settings.collectors_dir))
        for part, why in refused.items():
            log.warning("%s: %s", part, why)
        collectors += [Running(collector) for collector in found]
    return collectors


def _status(options: argparse.Namespace, settings: Settings) -> int:
    from agent.status import read_statuses
    from agent.status_text import NEVER_RUN, headline_word, status_json, status_lines

    now_seconds = time.time()
    statuses = read_statuses(Path(settings.state_dir))
    shown = [status for status in statuses if status.is_fresh(now_seconds)] or statuses[:1]
    if not shown:
        print(NEVER_RUN, file=sys.stderr)
    for status in shown:
        if options.json:
            _show(status_json(status, now_seconds))
            continue
        word = headline_word(status, now_seconds)
        text = "\n".join(status_lines(status, now_seconds))
        if wants_colour(sys.stdout, options.color):
            text = text.replace(word, f"{CALM.get(word, BOLD_RED)}{word}{PLAIN}", 1)
        _show(text)
    return OK if any(status.is_fresh(now_seconds) for status in shown) else NOT_RUNNING


def _snapshot(options: argparse.Namespace, settings: Settings) -> int:
    from agent.host import Host
    from agent.preview import preview, preview_lines
    from rabbitmq.records import encode_record

    record = preview(settings, Host.detect(os.environ), _collectors(settings), pause=lambda: time.sleep(RATE_SECONDS))
    _show(encode_record(record).decode() if options.json else "\n".join(preview_lines(record)))
    return OK


def _show(text: str) -> None:
    """On standard output as long as somebody reads it: `head` leaves when it has enough."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(_options: argparse.Namespace, _settings: Settings) -> int:
    print(f"healthmon-agent {__version__}")
    return OK
