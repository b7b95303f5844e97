"""E-mail, Slack, Telegram and more than a hundred other services, by way of apprise.

Apprise says yes or no and not why: a no may mean that some have it already, so it is tried again under the same key.
Its own log lines may name addresses with passwords in them, and so may those of the HTTP library below it: both are
switched off. How much a message holds differs by service; apprise itself is asked, after its own conversion to HTML or
Markdown.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import make_msgid
from hashlib import sha256
from typing import Any

import apprise
from apprise.plugins.email import base as apprise_email

from health.state import State
from processor.notifiers.notifier import Message, NotifierError
from processor.notifiers.wording import MOST_AS_TEXT, fitted, severity, text, title

_TYPES: Mapping[State, apprise.NotifyType] = {
    State.OK: apprise.NotifyType.SUCCESS,
    State.WARNING: apprise.NotifyType.WARNING,
    State.UNKNOWN: apprise.NotifyType.WARNING,
}
_message_id: ContextVar[str] = ContextVar("message_id", default="")


class ByApprise:
    """Raises NotifierError, permanent, for an address that apprise cannot use."""

    def __init__(self, url: str) -> None:
        _hush()
        self._service: Any = apprise.Apprise.instantiate(url)
        if self._service is None:
            raise NotifierError("apprise cannot use this URL: see its page for the service", permanent=True)

    def carries(self, message: Message) -> bool:
        return len(message.notices) <= MOST_AS_TEXT and self._fits(title(message), text(message))

    def send(self, message: Message) -> str:
        kind = _TYPES.get(severity(message.notices), apprise.NotifyType.FAILURE)
        said_title, said_text = fitted(message, self._fits)
        try:
            with _known_as(message.key):
                taken = self._service.notify(
                    body=said_text,
                    title=said_title,
                    notify_type=kind,
                    body_format=apprise.NotifyFormat.TEXT,
                    overflow=apprise.OverflowMode.TRUNCATE,
                )
        except Exception as error:  # noqa: BLE001 whatever a plugin raises, its words may hold the address
            raise NotifierError(f"apprise failed: {type(error).__name__}", is_unsure=True) from None
        if not taken:
            raise NotifierError(
                f"{self._service.service_name} did not take it; apprise does not say why", is_unsure=True
            )
        return f"{self._service.service_name} took it"

    def _fits(self, said_title: str, said_text: str) -> bool:
        """Whether apprise would say it in one piece. True if it cannot tell: then sending says what is wrong."""
        most_lines = self._service.body_max_line_count
        if most_lines and len(said_text.splitlines()) + (self._service.title_maxlen <= 0) > most_lines:
            return False
        try:
            pieces = self._service._build_send_calls(
                body=said_text,
                title=said_title,
                notify_type=apprise.NotifyType.INFO,
                body_format=apprise.NotifyFormat.TEXT,
                overflow=apprise.OverflowMode.SPLIT,
            )
            return len(list(pieces)) == 1
        except Exception:  # noqa: BLE001 whatever a plugin raises
            return True


def _hush() -> None:
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).disabled = True
    logging.getLogger("urllib3.connectionpool").disabled = True
    vars(apprise_email)["make_msgid"] = _make_message_id  # it offers no other way to give mails an id


@contextmanager
def _known_as(key: str) -> Iterator[None]:
    """Mails of this block carry a Message-ID made from the key, so that a second copy can be told."""
    token = _message_id.set(f"healthmon.{sha256(key.encode()).hexdigest()[:32]}")
    try:
        yield
    finally:
        _message_id.reset(token)


def _make_message_id(idstring: str | None = None, domain: str | None = None) -> str:
    known = _message_id.get()
    return f"<{known}@{domain or 'healthmon'}>" if known else make_msgid(idstring, domain)
