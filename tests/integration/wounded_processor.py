"""The processor, with a signal for itself at the n-th pass of one boundary. Nothing of this is in the program itself.

python -m tests.integration.wounded_processor SIGKILL after-commit 2
python -m tests.integration.wounded_processor SIGKILL reading-poison 1
"""

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import event
from sqlalchemy.engine import Engine

from processor import keeper, main, outward, pipeline
from processor.consumer import Consumer
from rabbitmq import message
from store import ingest

POISON = b"poison"
Wound = Callable[[], None]


def _before(owner: Any, name: str) -> Callable[[Wound], None]:
    def patch(wound: Wound) -> None:
        original = getattr(owner, name)

        def wounded(*arguments: Any, **named: Any) -> Any:
            wound()
            return original(*arguments, **named)

        setattr(owner, name, wounded)

    return patch


def _after(owner: Any, name: str) -> Callable[[Wound], None]:
    def patch(wound: Wound) -> None:
        original = getattr(owner, name)

        def wounded(*arguments: Any, **named: Any) -> Any:
            result = original(*arguments, **named)
            wound()
            return result

        setattr(owner, name, wounded)

    return patch


def _before_commit(wound: Wound) -> None:
    """Of a batch: everything is written, nothing committed."""

    def keep_canary(*arguments: Any) -> None:
        event.listen(Engine, "commit", lambda _connection: wound(), once=True)
        original(*arguments)

    original = ingest._keep_canary
    setattr(ingest, original.__name__, keep_canary)


def _reading_poison(wound: Wound) -> None:
    original = message.decode

    def decode(body: bytes, **named: Any) -> Any:
        if POISON in body:
            wound()
        return original(body, **named)

    setattr(pipeline, original.__name__, decode)


BOUNDARIES: dict[str, Callable[[Wound], None]] = {
    "after-get": _after(Consumer, "_take"),
    "before-decision": _before(keeper, "handle_batch"),
    "after-decision": _after(keeper, "handle_batch"),
    "before-transaction": _before(ingest, "keep_batch"),
    "before-commit": _before_commit,
    "after-commit": _after(ingest, "keep_batch"),
    "before-acknowledgement": _before(BlockingChannel, "basic_ack"),
    "after-acknowledgement": _after(BlockingChannel, "basic_ack"),
    "before-statement": _before(outward, "encode_statement"),
    "after-statement": _after(outward.Outward, "_publish_waiting"),
    "reading-poison": _reading_poison,
}


def wounded_run(signal_name: str, boundary: str, nth: int) -> int:
    passed = 0

    def wound() -> None:
        nonlocal passed
        passed += 1
        if passed == nth:
            signal.pthread_kill(threading.get_ident(), signal.Signals[signal_name])  # it does not get any further

    BOUNDARIES[boundary](wound)
    return main.main(["run"])


if __name__ == "__main__":
    raise SystemExit(wounded_run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
