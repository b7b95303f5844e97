"""Running a replay: the processor's own code, as a child process that ends in time and keeps its memory bounded."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from sqlalchemy import Engine

from helpdesk_api.problem import Problem

COMMAND: Sequence[str] = (sys.executable, "-m", "processor.replay")
LONGEST_SECONDS = 30.0
READING_SECONDS = 25.0  # what of it the child takes for snapshots

log = logging.getLogger(__name__)


def run_replay(request: Mapping[str, Any], engine: Engine, command: Sequence[str] = COMMAND) -> dict[str, Any]:
    """The child's answer to the request; raises a 422 problem for what is wrong with the file, 503 without an answer.

    The database's password goes through the child's standard input, where nobody else sees it.
    """
    address = engine.url.render_as_string(hide_password=False)
    whole = {**request, "database_url": address, "seconds": READING_SECONDS}
    try:
        ended = subprocess.run(
            command, input=json.dumps(whole).encode(), capture_output=True, timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"It took longer than {LONGEST_SECONDS:g} s. Ask for one agent, or a shorter time.") from None
    except OSError as error:
        raise _failed(f"It could not be started: {error.strerror}.") from None
    answer = _answer(ended)
    if answer["failed"]:
        raise _failed(f"{answer['failed'][:1].upper()}{answer['failed'][1:]}.")
    if answer["problems"]:
        raise _wrong(request["file"], answer["problems"])
    return answer


def _answer(ended: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    if ended.returncode == 0:
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer
    last_line = (ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]
    log.warning("a replay ended with %d: %s", ended.returncode, last_line[:300])
    raise _failed(f"It ended with {ended.returncode}; the help desk's log has its last words. Ask for a shorter time.")


def _wrong(file: str, problems: Sequence[Mapping[str, str]]) -> Problem:
    errors = [
        {"file": file, "rule": one["rule"], "key": one["key"], "message": one["message"], "detail": one["text"]}
        for one in problems
    ]
    told = "; ".join(one["detail"] for one in errors)
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-rules", "Rules cannot be used", f"{told}. Mend it.", errors=errors
    )


def _failed(why: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "replay-failed", "No replay", f"The replay gave no answer. {why}")
