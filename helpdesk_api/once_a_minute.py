"""The same words again and again say nothing new: they are logged once a minute."""

import logging

QUIET_SECONDS = 60.0


class OnceAMinute(logging.Filter):
    """Remembers the last words that passed; other words pass at once."""

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self._passed_seconds = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        words = record.getMessage()
        if words == self._words and record.created - self._passed_seconds < QUIET_SECONDS:
            return False
        self._words, self._passed_seconds = words, record.created
        return True
