"""`python -m helpdesk_api.openapi` prints the API's description; docs/api/openapi.json holds it."""

import json
import sys

from helpdesk_api.app import create_app
from helpdesk_api.description import describe
from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from knowledge.catalogue import Catalogue
from knowledge.matcher import Matcher
from rabbitmq.commands import Command
from store.engine import open_engine


class NoRoad:
    """A description sends no command."""

    connected = False
    blocked = None
    queue = None

    def send(self, reply_to: str, command: Command) -> None:
        raise NotImplementedError


def description_text() -> str:
    """The description as JSON that compares well in a diff."""
    settings = Settings()
    desk = Desk(settings, open_engine(settings.database_url), Catalogue(()), Matcher(()), NoRoad())
    return json.dumps(describe(create_app(desk)), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(description_text())
