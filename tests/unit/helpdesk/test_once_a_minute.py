"""Repeated log lines."""

import logging

from helpdesk_api.once_a_minute import OnceAMinute


def test_the_same_words_pass_once_a_minute_and_other_words_at_once() -> None:
    once = OnceAMinute()

    def passes(words: str, at_seconds: float) -> bool:
        record = logging.LogRecord("n", logging.WARNING, "f", 1, "%s", (words,), None)
        record.created = at_seconds
        return once.filter(record)

    passed = [
        passes(words, at) for words, at in [("a", 100), ("a", 101), ("b", 102), ("a", 103), ("a", 162), ("a", 163)]
    ]
    assert passed == [True, False, True, True, False, True]
