"""`healthmon`: the operator's terminal. One line per verb below; each verb is a file of `cli/verbs`."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Annotated

import typer
from typer.main import get_command

from cli.exits import EXIT_CODES_HELP, ExitCode, Trouble
from cli.terminal import Terminal
from cli.verbs.acts import ack, note
from cli.verbs.delivery import delivery
from cli.verbs.explain import explain
from cli.verbs.groups import groups, set_group
from cli.verbs.incidents import incidents
from cli.verbs.keys import create_key, list_keys, revoke_key
from cli.verbs.mutes import mute, mutes, unmute
from cli.verbs.notices import notices, notify_test
from cli.verbs.poll import poll
from cli.verbs.quarantine import list_quarantined, redrive, show_quarantined
from cli.verbs.retire import retire
from cli.verbs.rules import try_rules
from cli.verbs.show import show
from cli.verbs.simulate import simulate
from cli.verbs.status import status
from cli.verbs.version import version
from console.colour import Choice

VERBS: tuple[Callable[..., object], ...] = (
    status,
    incidents,
    show,
    ack,
    note,
    mute,
    unmute,
    mutes,
    groups,
    notices,
    notify_test,
    delivery,
    explain,
    poll,
    retire,
    version,
)
KEY_VERBS: dict[str, Callable[..., object]] = {"create": create_key, "list": list_keys, "revoke": revoke_key}
QUARANTINE_VERBS: dict[str, Callable[..., object]] = {
    "list": list_quarantined,
    "show": show_quarantined,
    "redrive": redrive,
}
WIDE_OPTIONS = ("--url", "--color")
HANDED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # the simulator reads its options itself
app = typer.Typer(
    help="What is wrong with the hosts, and what to do about it.",
    epilog=EXIT_CODES_HELP,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)
group = typer.Typer(help="Change what the agents of a group are told.", no_args_is_help=True, rich_markup_mode=None)
quarantine = typer.Typer(
    help="Messages that could not be taken in: list, show, redrive.", no_args_is_help=True, rich_markup_mode=None
)
rules = typer.Typer(help="Rules: try a file on the past.", no_args_is_help=True, rich_markup_mode=None)
rules.command("test", epilog=EXIT_CODES_HELP)(try_rules)
for verb in VERBS:
    app.command(epilog=EXIT_CODES_HELP)(verb)
app.command(add_help_option=False, context_settings=HANDED_ON)(simulate)
for name, verb in KEY_VERBS.items():
    keys.command(name, epilog=EXIT_CODES_HELP)(verb)
for name, verb in QUARANTINE_VERBS.items():
    quarantine.command(name, epilog=EXIT_CODES_HELP)(verb)
group.command("set", epilog=EXIT_CODES_HELP)(set_group)
app.add_typer(keys, name="keys")
app.add_typer(group, name="group")
app.add_typer(quarantine, name="quarantine")
app.add_typer(rules, name="rules")


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="The help desk's address, else HEALTHMON_URL, else http://127.0.0.1:8000.")
    ] = None,
    color: Annotated[Choice, typer.Option(help="auto asks NO_COLOR, FORCE_COLOR, TERM and the terminal.")] = "auto",
) -> None:
    context.obj = replace(context.obj, url=url, colour=color)


def run(arguments: Sequence[str], terminal: Terminal) -> int:
    """Do what the arguments say; gives the exit code."""
    try:
        _require_text(arguments)
        ordered = [*_wide_options(arguments, wanted=True), *_wide_options(arguments, wanted=False)]
        ended = get_command(app).main(ordered, "healthmon", standalone_mode=False, obj=terminal)
    except Trouble as trouble:
        terminal.screen().tell(str(trouble))
        return trouble.code
    except typer.TyperException as error:
        told = error.format_message()
        for line in told.splitlines() if "--help" in told else (" ".join(told.split()), f"Try: {_path(error)} --help"):
            terminal.screen().tell(line)
        return ExitCode.USAGE
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        terminal.screen().tell(f"Cannot write the answer: {why}. Send it to another place.")
        return ExitCode.NOT_WRITTEN
    return int(ended or ExitCode.OK)


def _require_text(arguments: Sequence[str]) -> None:
    """Raises Trouble for bytes that are no text: no name has them, and no request can carry them."""
    for argument in arguments:
        if any("\ud800" <= sign <= "\udfff" for sign in argument):
            raise Trouble(f"{argument!r} is not text in UTF-8. Give it in UTF-8.", ExitCode.USAGE)


def _path(error: typer.TyperException) -> str:
    """The command that was called wrongly, as one types it."""
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "healthmon"


def _wide_options(arguments: Sequence[str], *, wanted: bool) -> Iterator[str]:
    """The arguments that are `--url` and `--color`, or all others: these two may stand behind the verb, too."""
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            yield from () if wanted else (argument, *left)
        elif argument.partition("=")[0] not in WIDE_OPTIONS:
            yield from () if wanted else (argument,)
        else:
            whole = (argument,) if "=" in argument else (argument, *islice(left, 1))
            yield from whole if wanted else ()


def main() -> None:
    sys.exit(run(sys.argv[1:], Terminal(environment=os.environ)))
