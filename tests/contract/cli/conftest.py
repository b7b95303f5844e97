"""The help desk of `tests/contract/http`, served on a free port of this machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socket import create_server

import pytest
import uvicorn
from fastapi import FastAPI

from cli.main import run
from cli.terminal import Terminal
from helpdesk_api.app import create_app
from helpdesk_api.desk import Desk
from tests.contract.http.conftest import desk, engine, keep, sender
from tests.contract.http.fleet import NOW_MS

__all__ = ["desk", "engine", "keep", "sender"]
DEADLINE_SECONDS = 30


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address at which the application answers."""
    with closing(create_server(("127.0.0.1", 0))) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(DEADLINE_SECONDS)


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with serving(create_app(desk)) as address:
        yield address


def healthmon(url: str, *arguments: str, **environment: str) -> int:
    terminal = Terminal(environment={"LANG": "C.UTF-8", "HEALTHMON_URL": url, **environment}, now=lambda: NOW_MS / 1000)
    return run(arguments, terminal)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            pytest.fail("the help desk did not start")
        time.sleep(0.01)
