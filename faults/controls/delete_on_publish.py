"""A build that takes a record for confirmed once it is written to the socket, and deletes what is confirmed."""

from collections.abc import Iterable

from agent.link import Link
from agent.publisher import Publisher
from agent.spool import Spool
from faults.witnessed_agent import main
from rabbitmq.message import Envelope

publish, acked, confirm = Link.publish, Publisher.acked, Spool.confirm


def publish_and_forget(self: Link, envelope: Envelope) -> int:
    tag = publish(self, envelope)
    publisher = self._listener
    assert isinstance(publisher, Publisher)
    publisher.loop.add_callback_threadsafe(lambda: acked(publisher, tag, False))
    return tag


def confirm_and_delete(self: Spool, positions: Iterable[int]) -> None:
    gone = list(positions)
    confirm(self, gone)
    with self._guard, self._rows.transaction():
        self._rows.delete(gone)


if __name__ == "__main__":
    Link.publish = publish_and_forget  # type: ignore[method-assign]
    Spool.confirm = confirm_and_delete  # type: ignore[method-assign]
    raise SystemExit(main())
