"""A build that notes a notice as delivered when it is handed out, not when its receiver took it."""

from collections.abc import Sequence

from sqlalchemy import Connection, update

from faults.witnessed_processor import main
from store import outbox
from store.response_tables import notice

claim = outbox.claim


def claim_and_mark(connection: Connection, notice_nos: Sequence[int], leased_until_ms: int) -> None:
    claim(connection, notice_nos, leased_until_ms)
    marked = update(notice).where(notice.c.notice_no.in_(notice_nos)).values(delivered_ms=leased_until_ms)
    connection.execute(marked)


if __name__ == "__main__":
    setattr(outbox, "claim", claim_and_mark)  # noqa: B010 - the type of a function cannot be assigned
    raise SystemExit(main())
