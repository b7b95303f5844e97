"""Quarantined bytes are shown escaped, or in base64, and never more than a bound."""

import base64

import pytest

from helpdesk_api.quarantined_body import SHOWN_BYTES, shown_body


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'{"a": 1}\nsecond', '{"a": 1}\nsecond'),
        (b"\x1b[2J\x00\x07\r", "\\x1b[2J\\x00\\x07\\r"),
        ("\u202egnp.exe\u200b".encode(), "\\u202egnp.exe\\u200b"),
        (b"", ""),
    ],
)
def test_text_is_shown_with_what_hides_or_moves_written_out(body: bytes, content: str) -> None:
    shown = shown_body(body, len(body))
    assert (shown.encoding, shown.content, shown.shown_bytes) == ("text", content, len(body))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x78\x9c\x4b", b"cut off \xc3"])
def test_what_is_no_text_is_base64(body: bytes) -> None:
    shown = shown_body(body, len(body))
    assert (shown.encoding, base64.b64decode(shown.content)) == ("base64", body)


def test_no_more_than_the_bound_is_shown_and_a_letter_may_lie_across_it() -> None:
    body = b"a" + "\u00e4".encode() * SHOWN_BYTES
    shown = shown_body(body, len(body))
    assert (shown.encoding, shown.size_bytes, shown.shown_bytes) == ("text", 2 * SHOWN_BYTES + 1, SHOWN_BYTES)


def test_a_kept_beginning_is_told_from_the_whole() -> None:
    shown = shown_body(b"beginning \xc3", 5_000)
    assert (shown.encoding, shown.size_bytes, shown.shown_bytes) == ("text", 5_000, 11)
