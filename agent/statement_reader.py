"""Statements of account as they come over the network: bounded, and for this agent only."""

import logging
import time

from rabbitmq.statement import Statement, decode_statement

MAX_BODY_BYTES = 64 * 1024
SILENT_SECONDS = 60.0

log = logging.getLogger("agent.statement")


class StatementReader:
    """Says once a minute at most what it cannot read: who floods an agent shall not flood its log."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self._silent_until = float("-inf")

    def read(self, body: bytes) -> Statement | None:
        """None for what is no statement for this agent; the next one says the same and more."""
        try:
            if len(body) > MAX_BODY_BYTES:
                raise ValueError(f"{len(body)} bytes, allowed are {MAX_BODY_BYTES}")
            statement = decode_statement(body)
            if statement.agent_id != self._agent_id:
                raise ValueError("it is for another agent")
        except ValueError as error:
            self._say(str(error)[:200])
            return None
        return statement

    def _say(self, why: str) -> None:
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + SILENT_SECONDS
            log.warning("statement of account unreadable (%s), dropped", why)
