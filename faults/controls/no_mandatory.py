"""A build that forgets the mandatory flag: the broker confirms what it could not route, and drops it."""

from typing import Any

from pika.channel import Channel

from faults.witnessed_agent import main

publish = Channel.basic_publish


def without_mandatory(self: Channel, *arguments: Any, **named: Any) -> Any:
    return publish(self, *arguments, **{**named, "mandatory": False})


if __name__ == "__main__":
    Channel.basic_publish = without_mandatory
    raise SystemExit(main())
