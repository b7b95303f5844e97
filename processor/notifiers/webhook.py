"""Signed web hooks, as docs/webhook.md describes them for those who write receivers."""

import hashlib
import hmac
import json
from collections.abc import Callable

from processor.notifiers.http import post
from processor.notifiers.notifier import Message
from processor.notifiers.wording import MOST_AS_TEXT, text, title
from processor.notify.payload import INTERNAL

BODY_VERSION = 1


class WebHook:
    """`now_seconds` is the wall clock: receivers refuse what is too old."""

    def __init__(self, url: str, secret: bytes, now_seconds: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._now_seconds = now_seconds

    def carries(self, message: Message) -> bool:
        return len(message.notices) <= MOST_AS_TEXT

    def send(self, message: Message) -> str:
        body, timestamp = _body(message), str(int(self._now_seconds()))
        signed = b".".join((message.key.encode(), timestamp.encode(), body))
        headers = {
            "User-Agent": "healthmon",
            "Idempotency-Key": message.key,
            "Healthmon-Id": message.key,
            "Healthmon-Timestamp": timestamp,
            "Healthmon-Signature": f"sha256={hmac.new(self._secret, signed, hashlib.sha256).hexdigest()}",
        }
        answer = post(self._url, body, headers)
        return f"{answer.status} {answer.text}".rstrip()


def _body(message: Message) -> bytes:
    """The same bytes whenever the same message is sent."""
    notices = [
        {"key": notice.dedup_key, **{name: value for name, value in notice.payload.items() if name not in INTERNAL}}
        for notice in message.notices
    ]
    whole = {
        "version": BODY_VERSION,
        "id": message.key,
        "title": title(message),
        "text": text(message),
        "notices": notices,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
