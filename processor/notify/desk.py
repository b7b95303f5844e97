"""The notice desk: once a second it decides whom to tell, hands out what is due and notes what arrived.

    read the store -> plan (pure) -> one transaction that checks the fence:
        outcomes noted, plan kept, what is due claimed --commit--> one outlet per channel
    outlets (own threads) -> outcomes -> the next pass

Only the owner of the fence writes; a crash between sending and noting sends again under the same key.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, Engine

from configuration.notifications import NotificationSettings
from processor.notifiers.notifier import Message, NotifierError, Repeating
from processor.notify.decide import severities_told
from processor.notify.outlet import Outcome, Outlet
from processor.notify.payload import payload_of, what_changes
from processor.notify.plan import Plan, View, plan_of
from processor.notify.suppression import Quiet
from store import fence, outbox
from store.dependencies import dependencies
from store.engine import reading, transaction
from store.incidents import remedies_of
from store.mutes import mutes_in_force
from store.response import Notice

log = logging.getLogger(__name__)

LEASE_MS = 30_000
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
        self._fence_epoch: int | None = None
        self._watched: set[int] = set()  # incidents open or not settled at the last pass
        self._outcomes: list[Outcome] = []
        self._repeated_ms: dict[str, int] = {}
        self._trouble: dict[str, str] = {}

    def pass_once(self, fence_epoch: int, now_ms: int) -> None:
        """One pass. Raises Fenced and StoreUnavailable; what was not noted then is noted by the next pass."""
        self._gather_outcomes()
        in_hand = self._in_hand()
        view = self._view(fence_epoch, now_ms)
        plan = plan_of(view, self._settings, in_hand, now_ms)
        is_due = any(_is_due(notice, now_ms) and notice.notice_no not in in_hand for notice in view.waiting)
        messages: list[Message] = []
        if plan.changes_anything or is_due or self._outcomes:
            with transaction(self._engine) as connection:
                fence.check(connection, fence_epoch)
                self._note_outcomes(connection, now_ms)
                self._keep(connection, plan, now_ms)
                messages = self._claim(connection, now_ms)
        self._tell_changes(plan)
        self._outcomes = []
        self._watched = plan.unsettled | {each.number for each in view.incidents if each.closed_ms is None}
        for message in messages:
            self._outlets[message.notices[0].channel].send(message)
        self._repeat(view, now_ms)

    def finish(self, fence_epoch: int, now_ms: int) -> bool:
        """Note what came back and begin nothing more; whether nothing is on its way. Raises as `pass_once` does."""
        self._gather_outcomes()
        if self._outcomes:
            with transaction(self._engine) as connection:
                fence.check(connection, fence_epoch)
                self._note_outcomes(connection, now_ms)
            self._outcomes = []
        return not any(outlet.in_flight for outlet in self._outlets.values())

    def _gather_outcomes(self) -> None:
        """What came back from the outlets; of what was only said again nothing is noted."""
        ended = [outlet.ended() for outlet in self._outlets.values()]
        self._outcomes += [outcome for outcome in ended if outcome is not None and outcome.notices]

    def _in_hand(self) -> set[int]:
        """What is with a notifier, or back from it and not noted yet."""
        numbers = {number for outlet in self._outlets.values() for number in outlet.in_flight}
        return numbers | {notice.notice_no for outcome in self._outcomes for notice in outcome.notices}

    def _view(self, fence_epoch: int, now_ms: int) -> View:
        with reading(self._engine) as connection:
            if fence_epoch != self._fence_epoch:  # whoever was active meanwhile left things to be done
                self._watched = outbox.unsettled(connection)
                self._fence_epoch = fence_epoch
            waiting = outbox.waiting(connection)
            about = {notice.number for notice in waiting if notice.number is not None}
            incidents = outbox.facts(connection, self._watched | about)
            closed = [incident.number for incident in incidents if incident.closed_ms is not None]
            return View(
                incidents=incidents,
                log=outbox.log_of(connection, closed),
                waiting=waiting,
                quiet=Quiet(incidents, mutes_in_force(connection, now_ms), dependencies(connection)),
            )

    def _note_outcomes(self, connection: Connection, now_ms: int) -> None:
        for outcome in self._outcomes:
            if outcome.error is None:
                outbox.mark_delivered(connection, outcome.notices, outcome.answer, now_ms)
            elif outcome.notices:
                self._note_failure(connection, outcome.notices, outcome.error, now_ms)

    def _note_failure(
        self, connection: Connection, notices: Sequence[Notice], error: NotifierError, now_ms: int
    ) -> None:
        """What goes out together is due again together; what may have arrived stays leased, which tells it."""
        due_ms = now_ms + retry_delay_ms(max(notice.attempts for notice in notices) + 1)
        for notice in notices:
            is_unsure = error.is_unsure or notice.leased_until_ms is not None
            outbox.mark_failed(
                connection,
                notice.notice_no,
                str(error),
                due_ms=None if error.permanent else due_ms,
                leased_until_ms=now_ms if is_unsure else None,
                now_ms=now_ms,
            )

    def _keep(self, connection: Connection, plan: Plan, now_ms: int) -> None:
        for notice_no, why in plan.cancelled:
            outbox.cancel(connection, notice_no, why, now_ms)
        for notice_no, why in plan.buried:
            outbox.bury(connection, notice_no, why, now_ms)
        for news in plan.news[:MOST_NEWS]:
            remedies = remedies_of(connection, news.incident.number)
            offered = Notice(
                notice_no=0,
                number=news.incident.number,
                channel=news.channel,
                kind=news.kind,
                dedup_key=news.dedup_key,
                created_ms=now_ms,
                due_ms=news.due_ms,
                payload=payload_of(news, remedies, self._public_url, now_ms),
            )
            outbox.offer(connection, offered)

    def _claim(self, connection: Connection, now_ms: int) -> list[Message]:
        """The next message of each free channel, leased."""
        due: dict[str, list[Notice]] = defaultdict(list)
        in_flight = {number for outlet in self._outlets.values() for number in outlet.in_flight}
        for notice in outbox.waiting(connection):
            if _is_due(notice, now_ms) and notice.notice_no not in in_flight:
                due[notice.channel].append(notice)
        messages = [
            Message(_together(due[name])) for name, outlet in self._outlets.items() if name in due and outlet.is_free
        ]
        claimed = [notice.notice_no for message in messages for notice in message.notices]
        outbox.claim(connection, claimed, now_ms + LEASE_MS)
        return messages

    def _repeat(self, view: View, now_ms: int) -> None:
        """What stands is said again to those that forget."""
        for name, outlet in self._outlets.items():
            notifier = outlet.notifier
            is_time = not 0 <= now_ms - self._repeated_ms.get(name, 0) < REPEAT_MS  # at once when the clock is set back
            if not isinstance(notifier, Repeating) or not is_time or not outlet.is_free:
                continue
            self._repeated_ms[name] = now_ms
            standing = standing_on(name, view)
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
        if outcome.error and outcome.error.permanent:
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


def standing_on(channel: str, view: View) -> list[Notice]:
    """The open incidents that the channel was told of, each as it is now."""
    told: dict[int, list[Notice]] = defaultdict(list)
    for notice in view.log:
        if notice.channel == channel and notice.number is not None and notice.delivered_ms is not None:
            told[notice.number].append(notice)
    return [
        replace(its[-1], payload={**its[-1].payload, **what_changes(incident), "told": severities_told(its)})
        for incident in view.incidents
        if incident.closed_ms is None and (its := told.get(incident.number))
    ]


def retry_delay_ms(attempts: int) -> int:
    """Between none and twice as long as the time before: many that fail together do not come back together."""
    longest_seconds = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10))
    return round(random.uniform(0, longest_seconds) * 1000)  # noqa: S311 nobody gains from guessing it


def _is_due(notice: Notice, now_ms: int) -> bool:
    return notice.due_ms <= now_ms and (notice.leased_until_ms is None or notice.leased_until_ms <= now_ms)


def _together(due: Sequence[Notice]) -> Sequence[Notice]:
    """Those that go out with the first: of its route, or, if nobody knows what became of it, those it went with before.

    Notices that went out together have the end of their lease in common.
    """
    first = due[0]
    if first.leased_until_ms is None and not first.payload.get("route"):
        return [first]
    same = [each for each in due if _group(each) == _group(first)]
    return same[:MOST_TOGETHER]


def _group(notice: Notice) -> tuple[int | None, object]:
    return notice.leased_until_ms, notice.payload.get("route")
