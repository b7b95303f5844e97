"""Answering HTTP on one socket until a signal."""

import errno
import logging
import socket

import uvicorn
from fastapi import FastAPI

from configuration.reader import ConfigError
from helpdesk_api.settings import Settings

BACKLOG = 512
LAST_ANSWERS_SECONDS = 7  # a poll that waits is answered before the end
_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Says once, in our words, that it is ready."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _log.info("ready  %s", self._url)


def listening_socket(settings: Settings) -> socket.socket:
    """Raises ConfigError when the port or the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.listen else socket.AF_INET
    try:
        return socket.create_server((settings.listen, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        place, why = f"{settings.listen}:{settings.port}", (error.strerror or "no reason given").partition(" (")[0]
        raise ConfigError([f"cannot listen on {place}: {why}. {_what_now(error)}"]) from None


def _what_now(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "Set HEALTHMON_LISTEN to an address of this machine; 127.0.0.1 is for this machine alone."
    return "Set HEALTHMON_PORT to another port."


def answer(app: FastAPI, settings: Settings, listening: socket.socket) -> None:
    """Return at SIGINT or SIGTERM, which uvicorn raises once more when it is done."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )
    _Server(config, settings.public_url or f"http://localhost:{settings.port}").run(sockets=[listening])
