"""`python -m deploy.local up | down`."""

import argparse
import os
import sys
from pathlib import Path

from console.colour import wants_colour
from deploy.local.dotenv import read_dotenv
from deploy.local.install import NotInstalled
from deploy.local.lock import AlreadyRunning, stop_holder
from deploy.local.output import Output
from deploy.local.services import NAMES
from deploy.local.settings import ROOT, BadSettings, read_settings
from deploy.local.stack import up
from deploy.local.supervisor import StartFailed

OK, FAILED, BAD_SETTINGS = 0, 1, 2


def main() -> int:
    """0 stopped as asked, 1 could not run, 2 the settings are wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="the whole stack without Docker")
    parser.add_argument("verb", choices=("up", "down"))
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="folder for all state (default: var)")
    options = parser.parse_args()
    os.umask(0o077)
    return _up(options.var) if options.verb == "up" else _down(options.var)


def _up(var: Path) -> int:
    try:
        settings = read_settings({**read_dotenv(ROOT / ".env"), **os.environ}, var)
        up(settings, Output(sys.stdout, NAMES, colour=wants_colour(sys.stdout)))
    except BadSettings as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    except (AlreadyRunning, NotInstalled, StartFailed) as error:
        print(f"make up: {error}", file=sys.stderr)
        return FAILED
    return OK


def _down(var: Path) -> int:
    try:
        process_id = stop_holder(var)
    except TimeoutError as error:
        print(f"make down: {error}", file=sys.stderr)
        return FAILED
    print("no local stack is running" if process_id is None else "the local stack is stopped; what it kept stays")
    return OK


if __name__ == "__main__":
    sys.exit(main())
