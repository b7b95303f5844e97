"""How a notice is and what now, in words."""

from store.notices import NoticeState
from store.response import Notice


def state_of(notice: Notice) -> NoticeState:
    if notice.delivered_ms is not None:
        return "delivered"
    if notice.dead_ms is not None:
        return "dead"
    return "cancelled" if notice.cancelled_ms is not None else "waiting"


def what_now(notice: Notice) -> str:
    """What to do about it, empty where nothing is to be done."""
    state = state_of(notice)
    if state == "dead":
        return (
            f"Nobody tries it again. Mend the channel {notice.channel}, send it a test, then: "
            f"healthmon notices --retry {notice.notice_no}"
        )
    if state == "waiting" and notice.attempts:
        return "It is tried again by itself."
    return ""
