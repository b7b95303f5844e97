"""What a person reads about the link to the broker: each change once, never each attempt."""

import logging
import math

from agent.broker_trouble import Trouble

log = logging.getLogger("agent.link")


class LinkLog:
    """Times are seconds of one monotonic clock."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._down_since: float | None = None
        self._said: set[Trouble] = set()
        self._first_confirmed = False
        self._back_after_seconds: float | None = None
        self._sent_since_back = 0
        self._is_refused = False
        self._is_blocked = False

    def down(self, trouble: Trouble, retry_seconds: float, now: float) -> None:
        """Said when the link breaks, and again only for a cause that somebody must mend."""
        is_news = self._down_since is None or bool(trouble.advice)
        if is_news and trouble not in self._said:
            advice = f". {trouble.advice}" if trouble.advice else ""
            wait_seconds = math.ceil(retry_seconds)
            log.warning("hub unreachable (%s), keeping snapshots, retry in %d s%s", trouble.why, wait_seconds, advice)
        self._said.add(trouble)
        if self._down_since is None:
            self._down_since = now
        self._back_after_seconds = None

    def up(self, now: float) -> None:
        if self._down_since is not None:
            self._back_after_seconds = now - self._down_since
            self._sent_since_back = 0

    def confirmed(self, count: int, *, all_sent: bool) -> None:
        """The broker has `count` more records; `all_sent` when none is kept any more."""
        if not self._first_confirmed:
            self._first_confirmed = True
            log.info("first record confirmed by the broker %s", self._where)
        self._sent_since_back += count
        if all_sent:
            self._all_sent()

    def refused(self, reason: str) -> None:
        """The broker is there but keeps nothing: its queue is full, or no queue is bound."""
        why = {
            "rejected": "its queue is full",
            "unroutable": "no queue takes them; set the broker up: python -m rabbitmq setup",
        }[reason]
        if not self._is_refused:
            log.warning("hub %s does not take records (%s), keeping them, trying again", self._where, why)
            self._is_refused = True
            self._sent_since_back = 0

    def blocked(self) -> None:
        """A broker may say so again: for its second alarm, and to each new connection."""
        if not self._is_blocked:
            log.warning("hub %s is short of disk or memory and takes no records, keeping them", self._where)
        self._is_blocked = True

    def unblocked(self) -> None:
        if self._is_blocked:
            log.info("hub %s takes records again", self._where)
        self._is_blocked = False

    def _all_sent(self) -> None:
        if self._back_after_seconds is not None:
            log.info("hub back after %.0f s, sent %d kept records", self._back_after_seconds, self._sent_since_back)
            self._is_blocked = False
        elif self._is_refused:
            log.info("hub %s takes records again, sent %d kept records", self._where, self._sent_since_back)
        self._down_since = self._back_after_seconds = None
        self._is_refused = False
        self._said.clear()
