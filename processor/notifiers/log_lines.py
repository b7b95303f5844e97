"""Notices as log lines: what is told when nobody configured anything."""

import logging

from health.state import State
from processor.notifiers.notifier import Message
from processor.notifiers.wording import line, severity

log = logging.getLogger(__name__)
_LEVELS = {State.CRITICAL: logging.ERROR, State.OK: logging.INFO}


class LogLines:
    def send(self, message: Message) -> str:
        for notice in message.notices:
            log.log(_LEVELS.get(severity([notice]), logging.WARNING), "notice: %s", line(notice))
        return "written"
