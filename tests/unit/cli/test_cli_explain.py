"""`healthmon explain`: from a pipe or a file to a known problem, or to what was done and what now."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.verbs.explain import MOST_BODY_BYTES, MOST_TEXT_BYTES, read_tail
from tests.unit.cli.desk_stub import MATCH, User, problem

OTHER = {**MATCH, "slug": "permission-denied", "title": "Permission denied", "confidence": "likely", "lines": [1, 4]}
FOUND = {"POST /diagnose": {"matches": [MATCH, OTHER], "searched": "3 lines searched, 2 found."}}
NONE = {"POST /diagnose": {"matches": [], "searched": "1 line searched for 9 patterns, none found. Include more."}}


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> "Piped":
    return Piped(monkeypatch)


class Piped:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, content: bytes) -> None:
        self.monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_the_best_match_is_explained_whole_and_the_others_named(user: User, piped: Piped) -> None:
    piped(b"one\ntwo\nNo space left on device\n")
    seen = user.calls("explain", answers=FOUND)
    assert seen.code == 0
    assert json.loads(seen.asked[0].content) == {"text": "one\ntwo\nNo space left on device\n"}
    assert seen.lines[0] == "A file system is full (exact match, line 3)"
    assert "  Why: line 3 says: No space left on device" in seen.lines
    assert "  Captured: mount = /" in seen.lines
    assert "      df -h" in seen.lines
    assert "Permission denied (likely match, line 1, ...)" in seen.out
    assert seen.lines[-1] == "Details: http://127.0.0.1:8000/k/disk-full"


def test_no_match_says_what_was_done_and_ends_with_1(user: User, piped: Piped) -> None:
    piped(b"all is well")
    seen = user.calls("explain", "-", answers=NONE)
    assert (seen.code, seen.lines[0]) == (1, "No known problem matches.")
    assert "none found. Include more." in seen.out
    assert seen.lines[-1] == "What is known: http://127.0.0.1:8000/api/v1/problems"


def test_a_file_is_read_and_its_host_named(user: User, tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_bytes(b"caf\xc3\xa9 \xff disk full")
    seen = user.calls("explain", str(file), "--agent", "web-3", answers=FOUND)
    assert json.loads(seen.asked[0].content) == {"text": "caf\u00e9 \ufffd disk full", "agent": "web-3"}


def test_the_diagnosis_as_json_keeps_the_exit_code(user: User, piped: Piped) -> None:
    piped(b"x")
    seen = user.calls("explain", "--json", answers=NONE)
    assert seen.code == 1
    assert json.loads(seen.out) == {"schema": "diagnosis/1", "diagnosis": NONE["POST /diagnose"]}


def test_of_a_long_text_the_last_part_is_sent_and_that_is_said(user: User, piped: Piped) -> None:
    piped(b"first " + b"x" * 1_500_000 + b" last")
    seen = user.calls("explain", answers=FOUND)
    text = json.loads(seen.asked[0].content)["text"]
    assert len(text) == MOST_TEXT_BYTES
    assert text.endswith("x last")
    assert seen.err == "The text has 1.5 MB; its last 1 MB is searched.\n"


@pytest.mark.parametrize("content", [b'"' * 900_000, b"\x01" * 900_000])
def test_a_text_that_escapes_make_longer_still_fits_the_request(user: User, piped: Piped, content: bytes) -> None:
    piped(content + b" last")
    seen = user.calls("explain", answers=FOUND)
    assert MOST_BODY_BYTES * 0.9 < len(seen.asked[0].content) <= MOST_BODY_BYTES
    assert json.loads(seen.asked[0].content)["text"].endswith(content[-2:].decode() + " last")
    assert "its last part is searched" in seen.err


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_no_text_is_a_usage_error(user: User, piped: Piped, content: bytes) -> None:
    piped(content)
    seen = user.calls("explain")
    assert (seen.code, seen.asked) == (64, [])
    assert "There is no text to explain. Try: journalctl" in seen.err


def test_a_file_that_cannot_be_read_is_named_with_the_reason(user: User, tmp_path: Path) -> None:
    seen = user.calls("explain", str(tmp_path / "gone.log"))
    assert seen.code == 64
    assert "gone.log: no such file or directory. Name a readable file" in seen.err


def test_an_unknown_host_is_told_with_the_nearest_names(user: User, piped: Piped) -> None:
    piped(b"x")
    told = problem(404, "No agent has the name 'web'. Nearest names: web-3.")
    seen = user.calls("explain", "--agent", "web", answers={"POST /diagnose": told})
    assert seen.code == 1
    assert seen.err == "No agent has the name 'web'. Nearest names: web-3. Try: healthmon status\n"


@given(st.binary(max_size=300), st.integers(1, 100), st.integers(1, 50))
def test_the_tail_is_the_end_of_any_stream(content: bytes, most: int, chunk: int) -> None:
    class Dripping(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(chunk)

    assert read_tail(Dripping(content), most) == (content[-most:], len(content))
