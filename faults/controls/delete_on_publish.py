"""A build that takes a record for confirmed once it is written to the socket."""

from agent.link import Link
from agent.publisher import Publisher
from faults.witnessed_agent import main
from rabbitmq.message import Envelope

publish, acked = Link.publish, Publisher.acked


def publish_and_forget(self: Link, envelope: Envelope) -> int:
    tag = publish(self, envelope)
    publisher = self._listener
    assert isinstance(publisher, Publisher)
    publisher.loop.add_callback_threadsafe(lambda: acked(publisher, tag, False))
    return tag


if __name__ == "__main__":
    Link.publish = publish_and_forget  # type: ignore[method-assign]
    raise SystemExit(main())
