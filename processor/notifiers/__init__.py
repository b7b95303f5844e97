"""The ways to reach people and their tools: one file each, and the table of them all."""

import time
from collections.abc import Callable, Mapping

from configuration.notifications import Channel, Kind
from processor.notifiers.alertmanager import Alertmanager
from processor.notifiers.log_lines import LogLines
from processor.notifiers.notifier import Notifier
from processor.notifiers.webhook import WebHook


def _by_apprise(channel: Channel) -> Notifier:
    from processor.notifiers.by_apprise import ByApprise  # it loads for a second: only where somebody wants it

    return ByApprise(channel.address)


NOTIFIERS: Mapping[Kind, Callable[[Channel], Notifier]] = {
    Kind.APPRISE: _by_apprise,
    Kind.WEBHOOK: lambda channel: WebHook(channel.address, channel.key, time.time),
    Kind.ALERTMANAGER: lambda channel: Alertmanager(channel.address, lambda: time.time_ns() // 1_000_000),
    Kind.LOG: lambda _: LogLines(),
}


def notifier_of(channel: Channel) -> Notifier:
    """Raises NotifierError, permanent, when the channel's settings cannot be used."""
    return NOTIFIERS[channel.kind](channel)
