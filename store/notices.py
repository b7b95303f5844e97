"""The outbox as people see it: what waits, what arrived, what nobody could deliver; a test, and one more try.

What the processor does with it is in store/outbox.py.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, case, func, insert, select, update

from store.engine import transaction
from store.response import Notice, NoticeKind
from store.response_tables import notice

NoticeState = Literal["waiting", "delivered", "dead", "cancelled"]
Which = Literal["waiting", "delivered", "dead", "cancelled", "all"]

TEST_SENTENCE = "This is a test: notices of healthmon arrive here."

IS_WAITING = notice.c.delivered_ms.is_(None) & notice.c.dead_ms.is_(None) & notice.c.cancelled_ms.is_(None)
_STATES: Mapping[NoticeState, ColumnElement[bool]] = {
    "waiting": IS_WAITING,
    "delivered": notice.c.delivered_ms.is_not(None),
    "dead": notice.c.dead_ms.is_not(None),
    "cancelled": notice.c.cancelled_ms.is_not(None),
}


def list_notices(connection: Connection, state: Which, before: int | None, limit: int) -> list[Notice]:
    """Up to `limit` notices, newest first, those with a `notice_no` below `before` or from the newest on."""
    query = select(notice).order_by(notice.c.notice_no.desc()).limit(limit)
    if state != "all":
        query = query.where(_STATES[state])
    if before is not None:
        query = query.where(notice.c.notice_no < before)
    return [notice_of(row) for row in connection.execute(query).mappings()]


def notices_of(connection: Connection, number: int) -> list[Notice]:
    """All notices of one incident, oldest first."""
    query = select(notice).where(notice.c.number == number).order_by(notice.c.notice_no)
    return [notice_of(row) for row in connection.execute(query).mappings()]


def get_notice(connection: Connection, notice_no: int) -> Notice | None:
    row = connection.execute(select(notice).where(notice.c.notice_no == notice_no)).mappings().first()
    return notice_of(row) if row else None


def counts(connection: Connection) -> dict[NoticeState, int]:
    """How many notices are in each state, none left out."""
    sums = [func.sum(case((its, 1), else_=0)).label(state) for state, its in _STATES.items()]
    row = connection.execute(select(*sums)).mappings().one()
    return {state: int(row[state] or 0) for state in _STATES}


def add_test(engine: Engine, channel: str, now_ms: int) -> int:
    """Ask for a test on a channel; returns its `notice_no`. What came of it is in the notice soon."""
    row = {
        "channel": channel,
        "kind": NoticeKind.TEST,
        "dedup_key": f"test:{channel}:{secrets.token_hex(8)}",
        "created_ms": now_ms,
        "due_ms": now_ms,
        "payload": {"kind": NoticeKind.TEST, "sentence": TEST_SENTENCE, "at_ms": now_ms},
    }
    with transaction(engine) as connection:
        number: int = connection.execute(insert(notice).values(row).returning(notice.c.notice_no)).scalar_one()
    return number


def retry_dead(engine: Engine, notice_no: int, now_ms: int) -> bool:
    """Let a dead notice wait again, as if it was new; False when it is not dead or not there.

    Of an incident that is over by now nobody is told: the notice is cancelled then.
    """
    its = (notice.c.notice_no == notice_no) & notice.c.dead_ms.is_not(None)
    anew = {"dead_ms": None, "created_ms": now_ms, "due_ms": now_ms, "attempts": 0}
    with transaction(engine) as connection:
        return connection.execute(update(notice).where(its).values(anew)).rowcount == 1


def notice_of(row: Mapping[Any, Any]) -> Notice:
    return Notice(**{**row, "kind": NoticeKind(row["kind"])})
