"""A build whose broker counts a message as done when it is handed out, not when it is stored."""

from typing import Any

from pika.adapters.blocking_connection import BlockingChannel

from faults.witnessed_processor import main

consume = BlockingChannel.basic_consume


def consume_with_automatic_ack(self: BlockingChannel, *arguments: Any, **named: Any) -> Any:
    return consume(self, *arguments, **{**named, "auto_ack": True})


if __name__ == "__main__":
    BlockingChannel.basic_consume = consume_with_automatic_ack
    BlockingChannel.basic_ack = lambda *_arguments, **_named: None
    raise SystemExit(main())
