"""The notice desk: once a second it decides whom to tell, hands out what is due and notes what arrived.

    read what changed -> plan (pure) -> one transaction that checks the fence:
        outcomes noted, plan kept, what is due claimed --commit--> one outlet per channel
    outlets (own threads) -> outcomes -> the next pass

Only the owner of the fence writes; a crash between sending and noting sends again under the same key. What is kept has
the wall clock's times, what is decided goes by the steady clock.
"""

import logging
import random
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, Engine

from configuration.notifications import NotificationSettings
from processor.notifiers.notifier import Limited, Message, Notifier, NotifierError, Repeating
from processor.notify.book import Book
from processor.notify.decide import severities_told
from processor.notify.grouping import Leaving
from processor.notify.outlet import Outcome, Outlet
from processor.notify.payload import payload_of, what_changes
from processor.notify.plan import News, Plan, View, plan_of
from processor.notify.steady import LEASE_MS, Now, SteadyClock
from processor.silence.sentences import Clocks
from store import fence, outbox
from store.engine import reading, transaction
from store.incidents import remedies_of
from store.response import Notice

log = logging.getLogger(__name__)

REPEAT_MS = 60_000
MOST_TOGETHER = 100
MOST_NEWS = 200  # at once: ingest waits for the transaction; the next pass decides on the others
FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 600.0


class Desk:
    """`pass_once` is called by one thread. `public_url` is what links to incidents begin with."""

    def __init__(
        self, engine: Engine, settings: NotificationSettings, outlets: Mapping[str, Outlet], public_url: str
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._outlets = outlets
        self._public_url = public_url
        self._clock = SteadyClock()
        self._begun_ms: int | None = None
        self._book = Book(settings, longest_retry_ms)
        self._book_epoch: int | None = None  # of the claim under which it was opened
        self._named: set[str] = set()  # agents, by the keeper
        self._naming = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._leaving: Leaving = {}
        self._repeated_ms: dict[str, int] = {}
        self._trouble: dict[str, str] = {}
        self._alone: set[int] = set()  # notices that were refused together with others

    def name(self, agent_ids: Iterable[str]) -> None:
        """Incidents of these agents, or what they tell of the host, may have changed; from any thread."""
        with self._naming:
            self._named.update(agent_ids)

    def pass_once(self, fence_epoch: int, clocks: Clocks) -> None:
        """One pass. Raises Fenced and StoreUnavailable; what was not noted then is noted by the next pass."""
        self._gather_outcomes()
        in_hand, now = self._in_hand(), self._clock.now(clocks)
        self._begun_ms = now.steady_ms if self._begun_ms is None else self._begun_ms
        try:
            view = self._look(fence_epoch, now)
            plan = plan_of(view, self._settings, in_hand, self._begun_ms, now, self._leaving)
            is_due = any(_is_due(notice, now) and notice.notice_no not in in_hand for notice in view.waiting)
            messages: list[Message] = []
            if plan.changes_anything or is_due or self._outcomes:
                with transaction(self._engine) as connection:
                    fence.check(connection, fence_epoch)
                    self._note_outcomes(connection, now.wall_ms)
                    self._keep(connection, plan, now)
                    messages = self._claim(connection, now)
                    self._book.read_again(connection, self._written(view, plan, messages), now)
        except Exception:
            self._book_epoch = None  # what it says may not be what is kept: it is read anew
            raise
        self._book.remember(plan, view)
        self._leaving = plan.leaving
        self._tell_changes(plan)
        self._outcomes = []
        for message in messages:
            self._outlets[message.notices[0].channel].send(message)
        self._repeat(now)

    def finish(self, fence_epoch: int, clocks: Clocks) -> bool:
        """Note what came back and begin nothing more; whether nothing is on its way. Raises as `pass_once` does."""
        self._gather_outcomes()
        if self._outcomes:
            with transaction(self._engine) as connection:
                fence.check(connection, fence_epoch)
                self._note_outcomes(connection, clocks.wall_ms)
            self._outcomes = []
            self._book_epoch = None
        return not any(outlet.in_flight for outlet in self._outlets.values())

    def _gather_outcomes(self) -> None:
        """What came back from the outlets; of what was only said again nothing is noted."""
        ended = [outlet.ended() for outlet in self._outlets.values()]
        self._outcomes += [outcome for outcome in ended if outcome is not None and outcome.notices]

    def _in_hand(self) -> set[int]:
        """What is with a notifier, or back from it and not noted yet."""
        numbers = {number for outlet in self._outlets.values() for number in outlet.in_flight}
        return numbers | {notice.notice_no for outcome in self._outcomes for notice in outcome.notices}

    def _look(self, fence_epoch: int, now: Now) -> View:
        with self._naming:
            named, self._named = self._named, set()
        with reading(self._engine) as connection:
            if fence_epoch != self._book_epoch:
                self._book.open(connection, now)
                self._book_epoch = fence_epoch
            return self._book.look(connection, named, now)

    def _written(self, view: View, plan: Plan, messages: Sequence[Message]) -> Iterator[int | None]:
        """The incidents of all notices that change in a pass, and those that there were too many news for."""
        ended = {notice_no for notice_no, _ in (*plan.cancelled, *plan.buried)}
        yield from (news.incident.number for news in plan.news)
        yield from (notice.number for notice in view.waiting if notice.notice_no in ended)
        yield from (notice.number for message in messages for notice in message.notices)
        yield from (notice.number for outcome in self._outcomes for notice in outcome.notices)

    def _note_outcomes(self, connection: Connection, now_ms: int) -> None:
        for outcome in self._outcomes:
            if outcome.error is None:
                outbox.mark_delivered(connection, outcome.notices, outcome.answer, now_ms)
            elif outcome.notices:
                self._note_failure(connection, outcome.notices, outcome.error, now_ms)

    def _note_failure(
        self, connection: Connection, notices: Sequence[Notice], error: NotifierError, now_ms: int
    ) -> None:
        """What goes out together is due again together; what may have arrived stays leased, which tells it.

        What is refused for good may be the fault of one of many: each is due at once, alone, and only a lone one dies.
        """
        due_ms = now_ms + retry_delay_ms(max(notice.attempts for notice in notices) + 1)
        is_of_many = error.permanent and len(notices) > 1
        if is_of_many:
            due_ms = now_ms
            self._alone.update(notice.notice_no for notice in notices)
        for notice in notices:
            is_unsure = error.is_unsure or notice.leased_until_ms is not None
            outbox.mark_failed(
                connection,
                notice.notice_no,
                str(error),
                due_ms=None if error.permanent and not is_of_many else due_ms,
                leased_until_ms=now_ms if is_unsure else None,
                now_ms=now_ms,
            )

    def _keep(self, connection: Connection, plan: Plan, now: Now) -> None:
        for notice_no, why in plan.cancelled:
            outbox.cancel(connection, notice_no, why, now.wall_ms)
        for notice_no, why in plan.buried:
            outbox.bury(connection, notice_no, why, now.wall_ms)
        news = plan.news[:MOST_NEWS]
        present = {
            each.number: each for each in outbox.facts_of(connection, {each.incident.number for each in news}, ())
        }
        for each in news:
            if each.incident.number in present:  # its retention may have ended
                self._offer(connection, replace(each, incident=present[each.incident.number]), now)

    def _offer(self, connection: Connection, news: News, now: Now) -> None:
        remedies = remedies_of(connection, news.incident.number)
        offered = Notice(
            notice_no=0,
            number=news.incident.number,
            channel=news.channel,
            kind=news.kind,
            dedup_key=news.dedup_key,
            created_ms=now.wall_ms,
            due_ms=now.as_wall(news.due_ms),
            payload=payload_of(news, remedies, self._public_url, now.wall_ms),
        )
        outbox.offer(connection, offered)

    def _claim(self, connection: Connection, now: Now) -> list[Message]:
        """The next message of each free channel, leased."""
        due: dict[str, list[Notice]] = defaultdict(list)
        in_flight = {number for outlet in self._outlets.values() for number in outlet.in_flight}
        waiting = outbox.waiting(connection)
        self._alone &= {notice.notice_no for notice in waiting}
        for notice in waiting:
            if _is_due(self._book.steady(notice, now), now) and notice.notice_no not in in_flight:
                due[notice.channel].append(notice)
        messages = [
            Message(_together(due[name], outlet.notifier, self._alone))
            for name, outlet in self._outlets.items()
            if name in due and outlet.is_free
        ]
        claimed = [notice.notice_no for message in messages for notice in message.notices]
        outbox.claim(connection, claimed, now.wall_ms + LEASE_MS)
        return messages

    def _repeat(self, now: Now) -> None:
        """What stands is said again to those that forget."""
        for name, outlet in self._outlets.items():
            notifier = outlet.notifier
            is_time = now.steady_ms - self._repeated_ms.get(name, -REPEAT_MS) >= REPEAT_MS
            if not isinstance(notifier, Repeating) or not is_time or not outlet.is_free:
                continue
            self._repeated_ms[name] = now.steady_ms
            standing = standing_on(name, self._book)
            if standing:
                outlet.begin(partial(notifier.repeat, standing))

    def _tell_changes(self, plan: Plan) -> None:
        for _, why in plan.buried:
            log.error("a notice is dead: %s", why)
        for outcome in self._outcomes:
            for name in {notice.channel for notice in outcome.notices}:
                self._tell(name, outcome)

    def _tell(self, name: str, outcome: Outcome) -> None:
        """Once when a channel fails and once when it works again; each notice that is given up."""
        trouble = str(outcome.error) if outcome.error else ""
        if outcome.error and outcome.error.permanent and len(outcome.notices) > 1:
            log.warning(
                "channel %s: %s: refused %d notices at once, each goes alone", name, trouble, len(outcome.notices)
            )
        elif outcome.error and outcome.error.permanent:
            dead = ", ".join(notice.dedup_key for notice in outcome.notices)
            log.error("channel %s: %s: gave up %s; mend it, then let them be tried again", name, trouble, dead)
        elif trouble and name not in self._trouble:
            log.warning("channel %s: %s: notices wait and are tried again", name, trouble)
        elif not trouble and name in self._trouble:
            log.info("channel %s delivers again", name)
        if trouble:
            self._trouble[name] = trouble
        else:
            self._trouble.pop(name, None)


def standing_on(channel: str, book: Book) -> list[Notice]:
    """The open incidents that the channel was told of, each as it is now."""
    standing: list[Notice] = []
    for incident in book.incidents:
        told = [notice for notice in book.log(incident.number).get(channel, ()) if notice.delivered_ms is not None]
        if incident.closed_ms is None and told:
            now = {**told[-1].payload, **what_changes(incident), "told": severities_told(told)}
            standing.append(replace(told[-1], payload=now))
    return standing


def retry_delay_ms(attempts: int) -> int:
    """Between none and twice as long as the time before: many that fail together do not come back together."""
    return round(random.uniform(0, longest_retry_ms(attempts)))  # noqa: S311 nobody gains from guessing it


def longest_retry_ms(attempts: int) -> int:
    longest_seconds = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 10))
    return round(longest_seconds * 1000)


def _is_due(notice: Notice, now: Now) -> bool:
    """Of a notice in steady times."""
    is_leased = notice.leased_until_ms is not None and notice.leased_until_ms > now.steady_ms
    return notice.due_ms <= now.steady_ms and not is_leased


def _together(due: Sequence[Notice], notifier: Notifier, alone: Collection[int]) -> Sequence[Notice]:
    """Those that go out with the first: of its route, or, if nobody knows what became of it, those it went with before;
    as many as one message carries; none of those that go `alone`.

    Notices that went out together have the end of their lease in common.
    """
    first = due[0]
    if first.notice_no in alone or (first.leased_until_ms is None and not first.payload.get("route")):
        return [first]
    same = [each for each in due if _group(each) == _group(first) and each.notice_no not in alone][:MOST_TOGETHER]
    if not isinstance(notifier, Limited):
        return same
    sizes = range(2, len(same) + 1)
    return same[: 1 + bisect_left(sizes, True, key=lambda size: not notifier.carries(Message(same[:size])))]


def _group(notice: Notice) -> tuple[int | None, object]:
    return notice.leased_until_ms, notice.payload.get("route")
