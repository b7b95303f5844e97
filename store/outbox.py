"""The outbox as the processor works it: what it must know to decide whom to tell, and a notice's way out.

    offered -> due -> claimed (leased) -> delivered
                  ^        |-> failed, due later -> ... -> dead
                  |        |-> nobody knows: the lease ends and it is due again, under the same key
               revived  <- cancelled, dead

Of a notice that was never leased, or whose tries all failed for certain, `leased_until_ms` is None: nobody heard of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, or_, select, update

from health.state import State
from store.incident_acts import add_entry
from store.model import Change, CheckKey
from store.notices import IS_WAITING, notice_of
from store.response import Notice, NoticeKind
from store.response_tables import notice
from store.tables import agent, incident, incident_event

COMES_BACK = (NoticeKind.REMINDER, NoticeKind.FLAPPING, NoticeKind.PROBLEM, NoticeKind.ESCALATION)
OPENERS = (NoticeKind.PROBLEM, NoticeKind.FLAPPING, NoticeKind.ESCALATION)
TIMELINE_WORDS = {
    NoticeKind.PROBLEM: "told {}",
    NoticeKind.ESCALATION: "escalated to {}",
    NoticeKind.RECOVERY: "told {} that it is over",
}
KEYS_AT_ONCE = 1_000
WaitingMark = tuple[int, ...]
Key = TypeVar("Key", int, str)
_ITS_AGENTS = ("host_name", "group_name", "peer_host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one must know of an incident to decide whether to tell of it, and to tell it; without remedies."""

    number: int
    key: CheckKey
    host_name: str | None
    group_name: str
    peer_host: str | None = None
    severity: State
    title: str
    sentence: str
    opened_ms: int
    updated_ms: int
    value: float = 0.0
    closed_ms: int | None = None
    acknowledged_ms: int | None = None
    flapping_since_ms: int | None = None
    is_late: bool = False

    @property
    def host(self) -> str:
        """What people call the host."""
        return self.host_name or self.key.agent_id


_OWN = [each.name for each in fields(Facts) if each.name not in ("key", "severity", *_ITS_AGENTS)]


def facts(connection: Connection, also: Collection[int]) -> list[Facts]:
    """Every open incident, and those with these numbers, in the order of their numbers."""
    found = {each.number: each for each in _facts(connection, incident.c.closed_ms.is_(None))}
    for these in _in_chunks(sorted(set(also) - found.keys())):
        found |= {each.number: each for each in _facts(connection, incident.c.number.in_(these))}
    return [found[number] for number in sorted(found)]


def facts_of(connection: Connection, numbers: Collection[int], agent_ids: Collection[str]) -> list[Facts]:
    """The incidents with these numbers and the open ones of these agents, in the order of their numbers."""
    found: dict[int, Facts] = {}
    for these in _in_chunks(sorted(numbers)):
        found |= {each.number: each for each in _facts(connection, incident.c.number.in_(these))}
    for ids in _in_chunks(sorted(agent_ids)):
        theirs = agent.c.agent_id.in_(ids) & incident.c.closed_ms.is_(None)
        found |= {each.number: each for each in _facts(connection, theirs)}
    return [found[number] for number in sorted(found)]


def log_of(connection: Connection, numbers: Collection[int]) -> list[Notice]:
    """The notices of these incidents, oldest first.

    Of what is told or tried again and again (COMES_BACK), only what waits and, of each channel and severity, the oldest
    and the newest that was delivered, is dead, or may have arrived before it was cancelled: since when is told, what
    was told, and when last. A log does not grow with the age of its incident.
    """
    found: list[Notice] = []
    for these in _in_chunks(sorted(numbers)):
        found += _compact(connection, these)
    return sorted(found, key=lambda each: each.notice_no)


def newest_entry(connection: Connection) -> int:
    """The highest number of an entry in any timeline, 0 when there is none."""
    newest: int | None = connection.execute(select(func.max(incident_event.c.event_no))).scalar()
    return newest or 0


def entries_after(connection: Connection, event_no: int) -> Mapping[int, int]:
    """The entries of timelines with higher numbers, each with its incident's number."""
    query = select(incident_event.c.event_no, incident_event.c.number).where(incident_event.c.event_no > event_no)
    return {row.event_no: row.number for row in connection.execute(query)}


def waiting_mark(connection: Connection) -> WaitingMark:
    """Another one whenever something else waits, or waits otherwise; one row, however much it is."""
    of = notice.c
    sums = [func.sum(column) for column in (of.notice_no, of.created_ms, of.due_ms, of.attempts, of.leased_until_ms)]
    return tuple(int(each or 0) for each in connection.execute(select(func.count(), *sums).where(IS_WAITING)).one())


def waiting(connection: Connection) -> list[Notice]:
    """What is in the outbox, the earliest due first."""
    query = select(notice).where(IS_WAITING).order_by(notice.c.due_ms, notice.c.notice_no)
    return [notice_of(row) for row in connection.execute(query).mappings()]


def unsettled(connection: Connection) -> set[int]:
    """Numbers of closed incidents that somebody was told of, or may be, and whose end not everybody heard."""
    recovery = notice.alias("recovery")
    heard = exists().where(
        recovery.c.number == notice.c.number,
        recovery.c.channel == notice.c.channel,
        recovery.c.kind == NoticeKind.RECOVERY,
        or_(recovery.c.delivered_ms.is_not(None), recovery.c.dead_ms.is_not(None)),
    )
    told = notice.c.delivered_ms.is_not(None) | notice.c.leased_until_ms.is_not(None) | IS_WAITING
    query = select(notice.c.number).join_from(notice, incident)
    return set(connection.execute(query.where(incident.c.closed_ms.is_not(None), told, ~heard).distinct()).scalars())


def offer(connection: Connection, offered: Notice) -> None:
    """Put a notice into the outbox; one of this key that was cancelled comes back to life with the new words."""
    fresh = {"created_ms": offered.created_ms, "due_ms": offered.due_ms, "payload": dict(offered.payload)}
    same_key = notice.c.dedup_key == offered.dedup_key
    if connection.execute(select(notice.c.notice_no).where(same_key)).first() is None:
        names = ("number", "channel", "kind", "dedup_key")
        row: dict[str, Any] = {name: getattr(offered, name) for name in names}
        connection.execute(insert(notice).values(row | fresh))
        return
    revived = fresh | {"cancelled_ms": None, "attempts": 0, "why": ""}
    connection.execute(update(notice).where(same_key, notice.c.cancelled_ms.is_not(None)).values(revived))


def cancel(connection: Connection, notice_no: int, why: str, now_ms: int) -> None:
    """Take a waiting notice out of the outbox; the caller knows that nobody has it in hand."""
    end = update(notice).where(notice.c.notice_no == notice_no, IS_WAITING)
    connection.execute(end.values(cancelled_ms=now_ms, why=why))


def claim(connection: Connection, notice_nos: Sequence[int], leased_until_ms: int) -> None:
    """Lease them until then, whoever had them before."""
    for these in _in_chunks(notice_nos):
        lease = update(notice).where(notice.c.notice_no.in_(these), IS_WAITING)
        connection.execute(lease.values(leased_until_ms=leased_until_ms))


def mark_delivered(connection: Connection, delivered: Sequence[Notice], answer: str, now_ms: int) -> None:
    """They arrived: so it stands in the notices, and that a problem or its end was told, in the timelines."""
    for its in delivered:
        done = {"delivered_ms": now_ms, "why": answer, "attempts": notice.c.attempts + 1}
        marked = connection.execute(update(notice).where(notice.c.notice_no == its.notice_no, IS_WAITING).values(done))
        if marked.rowcount and its.number is not None and its.kind in TIMELINE_WORDS:
            sentence = TIMELINE_WORDS[its.kind].format(its.channel)
            add_entry(connection, its.number, Change.NOTIFIED, sentence, "", now_ms)


def mark_failed(
    connection: Connection, notice_no: int, why: str, *, due_ms: int | None, leased_until_ms: int | None, now_ms: int
) -> None:
    """A try failed: due again at `due_ms`, or dead (None). `leased_until_ms`: None when it surely did not arrive."""
    values = {"why": why, "leased_until_ms": leased_until_ms, "attempts": notice.c.attempts + 1}
    end = {"dead_ms": now_ms} if due_ms is None else {"due_ms": due_ms}
    connection.execute(update(notice).where(notice.c.notice_no == notice_no, IS_WAITING).values(**values, **end))


def bury(connection: Connection, notice_no: int, why: str, now_ms: int) -> None:
    """Nobody tries it any more."""
    dead = update(notice).where(notice.c.notice_no == notice_no, IS_WAITING)
    connection.execute(dead.values(dead_ms=now_ms, why=why))


def _facts(connection: Connection, these: ColumnElement[bool]) -> Iterator[Facts]:
    query = select(
        *(incident.c[name] for name in (*_OWN, "rule", "subject", "severity")),
        *(agent.c[name] for name in ("agent_id", *_ITS_AGENTS)),
    )
    for row in connection.execute(query.join_from(incident, agent).where(these)).mappings():
        key = CheckKey(row["agent_id"], row["rule"], row["subject"])
        its = {name: row[name] for name in (*_OWN, *_ITS_AGENTS)}
        yield Facts(**its, key=key, severity=State(row["severity"]))


def _compact(connection: Connection, numbers: Sequence[int]) -> Iterator[Notice]:
    of = notice.c
    outcome = case((of.delivered_ms.is_not(None), 1), (of.dead_ms.is_not(None), 2), else_=3)
    is_over = or_(of.delivered_ms.is_not(None), of.dead_ms.is_not(None), of.leased_until_ms.is_not(None))
    alike = (of.number, of.channel, of.kind, outcome, of.payload["severity"].as_string())
    ends = (
        select(func.min(of.notice_no).label("oldest"), func.max(of.notice_no).label("newest"))
        .where(of.number.in_(numbers), of.kind.in_(COMES_BACK), is_over, ~IS_WAITING)
        .group_by(*alike)
        .cte()
    )
    is_an_end = or_(of.notice_no.in_(select(ends.c.oldest)), of.notice_no.in_(select(ends.c.newest)))
    is_kept = or_(of.kind.not_in(COMES_BACK), IS_WAITING, is_an_end)
    query = select(*of).where(of.number.in_(numbers), is_kept)
    return map(notice_of, connection.execute(query).mappings())


def _in_chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
