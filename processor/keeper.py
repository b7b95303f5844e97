"""Batches of deliveries into the store: decide, keep in one transaction, remember, say what changed.

    deliveries -> pipeline -> store.keep_batch --commit--> memory -> log, statements to the agents

The keeper owns the fence: it claims it with the first batch after each (re)connection, because only the active consumer
gets any, and from then on every transaction checks it. While the broker is away nobody gets any: the owner keeps the
fence and tells of it, and processor/owner_watch.py says when a process that never had it may take it over.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from processor.announcements import announce, reads_otherwise
from processor.decision import Decision
from processor.delivery import Delivery
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.owner_watch import SAYS_EACH_MS, OwnerWatch
from processor.parents import read_parents
from processor.pipeline import handle_batch, pass_time, quarantine_unaccounted, quarantine_unread
from processor.redrive import delivery_of
from processor.rule_set import RuleSet
from processor.silence.sentences import Clocks
from processor.silence.watch import SilenceWatch
from processor.summary import Summary
from rabbitmq.statement import Statement
from store import agents, fence, flow, ingest, quarantine, suspects
from store.engine import StoreUnavailable, reading, transaction
from store.model import Quarantined

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 10.0
MOST_REDRIVEN = 20  # at once; each may have 1 MiB
DEATHS_UNTIL_GUILTY = 2
KILLED = "killed-the-processor", "the processor ended while it handled this message, again and again: it was not read"

Reason = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bearings:
    """Who this process is and what time it is: `owner` names it in the fence, its canaries carry `canary_token`."""

    owner: str
    canary_token: str
    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]


@dataclass
class _Ownership:
    """What holds while no other processor has been active.

    `kept_tag` is the newest delivery that was kept. `undone` is the decision on the deliveries with these first and
    last tags that the store failed to keep: it may have been committed all the same, so the same one is tried again.
    `is_unsure` when the store may have committed what memory does not know of.
    """

    fence_epoch: int
    memory: FleetMemory
    kept_tag: int = 0
    undone: tuple[tuple[int, int], Decision] | None = None
    is_unsure: bool = False


class Keeper:
    """Keeps batches; `send` takes statements with their reply addresses, `tell` hears of which agents people may read
    otherwise now; neither waits."""

    def __init__(
        self,
        engine: Engine,
        rules: RuleSet,
        find_remedies: RemedyFinder,
        *,
        bearings: Bearings,
        public_url: str,
        send: Callable[[Iterable[tuple[str, Statement]]], None],
        tell: Callable[[Collection[str]], None] = lambda _: None,
        silence: SilenceWatch | None = None,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._find_remedies = find_remedies
        self._bearings = bearings
        self._public_url = public_url
        self._send = send
        self._tell = tell
        self.fence_epoch: int | None = None  # the newest claim, which holds until somebody else's, connected or not
        self._silence = silence
        self._ownership: _Ownership | None = None
        self._left: _Ownership | None = None  # the newest one that was released
        self._owner_watch = OwnerWatch()
        self._said_alive_ms = -SAYS_EACH_MS
        self._canary_monotonic_ms: int | None = None  # holds whoever was active: the queue keeps its order
        self._redriven: list[tuple[int, Quarantined]] = []  # taken, with their numbers, and not dealt with yet
        self._touched = ""  # the newest suspect's SHA-256: this process lives, so it was not what kills
        self.summary = Summary()

    @property
    def owned_epoch(self) -> int | None:
        """The claim by which this processor is the active one, None while another is."""
        return None if self._ownership is None else self._ownership.fence_epoch

    def release(self) -> None:
        """Forget the ownership: another processor may have been active since."""
        if self._ownership is not None:
            self._canary_monotonic_ms = self._ownership.memory.canary_monotonic_ms
            self._left = self._ownership
        self._ownership = None

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Keep a batch or raise StoreUnavailable or Fenced; the same batch is then to be given again.

        Tags rise. What was kept before something was raised is not kept a second time.
        """
        own = self._own()
        self._keep([delivery for delivery in deliveries if delivery.tag > own.kept_tag], own)

    def keep_suspect(self, delivery: Delivery) -> None:
        """Keep a delivery that may have killed processors: noted before it is read, unread when two ended over it.

        One that ended there may have been killed by anything. Raises as `keep` does.
        """
        own, sha256 = self._own(), hashlib.sha256(delivery.body).hexdigest()
        if delivery.tag > own.kept_tag:
            if self._deaths_over(sha256, delivery, own) >= DEATHS_UNTIL_GUILTY:
                self._quarantine(delivery, KILLED, own)
            else:
                self._keep([delivery], own)
        suspects.clear(self._engine, sha256, own.fence_epoch)

    def pass_time(self) -> None:
        """Keep what time alone changes; nothing while another processor is the owner. Raises as `keep` does."""
        if self._ownership is not None:
            own = self._ownership
            decision = pass_time(self._memory(own), self._rules, self._find_remedies, self._bearings.now_ms())
            if decision is not None:
                self._commit(decision, own)

    def watch_silence(self) -> None:
        """Judge who is silent, also while the broker is away: by the claim of before, which holds until somebody
        else's, or by a first one while nobody else is active. Raises as `keep` does."""
        if self._silence is None:
            return
        self._claim_if_alone(self._silence)
        own = self._ownership or self._left
        if own is None:
            return
        try:
            self._say_alive(own)
            judgement = self._silence.judge(self._memory(own), own.fence_epoch, self._clocks())
            if judgement.changes_something:
                self._commit(judgement.decision, own)
        except fence.Fenced:
            if own is self._ownership:
                raise
            self._left = None
            return
        self._silence.remember(judgement)

    def judge_by(self, rules: RuleSet) -> None:
        """From the next batch on."""
        self._rules = rules

    def look_at_dependencies(self) -> None:
        """What stands before whom from now on, while this processor is the owner. Raises StoreUnavailable."""
        if self._ownership is not None:
            with reading(self._engine) as connection:
                self._ownership.memory.parents = read_parents(connection, self._bearings.now_ms())

    def keep_timed(self, decide: Callable[[FleetMemory, RemedyFinder, int], Decision | None]) -> None:
        """Keep what `decide` makes of memory and the time in ms; nothing while another processor is the owner.

        Raises as `keep` does.
        """
        if self._ownership is not None:
            own = self._ownership
            decision = decide(self._memory(own), self._find_remedies, self._bearings.now_ms())
            if decision is not None:
                self._commit(decision, own)

    def write(self, work: Callable[[Connection, int], None]) -> bool:
        """Do `work`, given the time in ms, in a transaction of the owner's; False while another one is.

        Raises as `keep` does.
        """
        if self._ownership is None:
            return False
        with transaction(self._engine) as connection:
            fence.check(connection, self._ownership.fence_epoch)
            work(connection, self._bearings.now_ms())
        return True

    def redrive(self) -> None:
        """Read again what people asked for; a message that nothing can be taken from stays, with why this time.

        While another processor is the owner, what was taken and not dealt with is asked for again in its place. Raises
        as `keep` does.
        """
        if self._ownership is None:
            self._give_back()
            return
        own, now_ms = self._ownership, self._bearings.now_ms()
        self._redriven = self._redriven or quarantine.take_redrive(self._engine, MOST_REDRIVEN, own.fence_epoch, now_ms)
        while self._redriven:
            self._redrive(*self._redriven[0], own)
            del self._redriven[0]

    def wait_for_store(self, stop: threading.Event) -> None:
        """Return when the database answers again, or at a stop; nothing is held meanwhile."""
        delay_seconds = 0.5
        while not stop.wait(delay_seconds):
            try:
                with reading(self._engine) as connection:
                    connection.execute(select(1))
            except StoreUnavailable:
                delay_seconds = min(delay_seconds * 2, LONGEST_WAIT_SECONDS)
            else:
                return

    def _own(self) -> _Ownership:
        if self._ownership is None:
            self._ownership = self._claim()
            log.info("this processor is the active one, state of %d agents restored", len(self._ownership.memory))
        return self._ownership

    def _claim(self) -> _Ownership:
        return self._begin(fence.claim(self._engine, self._bearings.owner, self._bearings.now_ms()))

    def _begin(self, fence_epoch: int) -> _Ownership:
        with reading(self._engine) as connection:
            memory, last_flow = FleetMemory(agents.fleet_state(connection)), flow.last_flow(connection)
            memory.parents = read_parents(connection, self._bearings.now_ms())
        memory.canary_monotonic_ms = self._canary_monotonic_ms
        self.fence_epoch = fence_epoch
        if self._silence is not None:
            self._silence.take_over(memory, last_flow, self._clocks())
        return _Ownership(fence_epoch, memory)

    def _claim_if_alone(self, silence: SilenceWatch) -> None:
        """Where this process never claimed the fence, has no way out, and who holds it is gone."""
        if self.fence_epoch is not None or silence.has_way_out:
            self._owner_watch.forget()
            return
        gone = self._owner_watch.find_gone(self._engine, self._bearings.monotonic_ms)
        if gone is None or not silence.is_cut_off(self._bearings.monotonic_ms()):
            return
        fence_epoch = fence.claim_from(self._engine, self._bearings.owner, self._bearings.now_ms(), gone)
        if fence_epoch is not None:
            self._left = self._begin(fence_epoch)
            log.info("this processor tells that RabbitMQ takes nothing: no other one does")

    def _say_alive(self, own: _Ownership) -> None:
        monotonic_ms = self._bearings.monotonic_ms()
        if monotonic_ms - self._said_alive_ms >= SAYS_EACH_MS:
            fence.say_alive(self._engine, own.fence_epoch, self._bearings.now_ms())
            self._said_alive_ms = monotonic_ms

    def _memory(self, own: _Ownership) -> FleetMemory:
        """To decide anew by: what the database has, when that may be more than memory knows."""
        if own.is_unsure:
            with transaction(self._engine) as connection:
                fence.check(connection, own.fence_epoch)  # waits for the end of what this process began
                restored = FleetMemory(agents.fleet_state(connection))
            restored.take_over(own.memory)
            own.memory, own.is_unsure = restored, False
            if self._silence is not None:
                self._silence.hear(restored.agents.values(), self._clocks())
        return own.memory

    def _clocks(self) -> Clocks:
        return Clocks(self._bearings.monotonic_ms(), self._bearings.now_ms())

    def _keep(self, deliveries: Sequence[Delivery], own: _Ownership) -> None:
        """What the store refuses for its content, or what no code was written for, is found by halving the batch until
        one delivery is left; that one goes to quarantine and its neighbours are kept."""
        if not deliveries:
            return
        try:
            self._commit(self._decide_once(deliveries, own), own)
        except (StoreUnavailable, fence.Fenced):
            raise
        except Exception as error:  # one bad message must not stop the others, whatever it breaks
            if len(deliveries) > 1:
                middle = len(deliveries) // 2
                self._keep(deliveries[:middle], own)
                self._keep(deliveries[middle:], own)
                return
            why = _reason(error)
            log.error("a message of %s went to quarantine: %s", deliveries[0].routing_key[:64], why[0], exc_info=error)
            self._quarantine(deliveries[0], why, own)
        own.kept_tag, own.undone = deliveries[-1].tag, None

    def _decide_once(self, deliveries: Sequence[Delivery], own: _Ownership) -> Decision:
        tags = deliveries[0].tag, deliveries[-1].tag
        if own.undone is None or own.undone[0] != tags:
            own.undone = tags, self._decide(deliveries, own)
        return own.undone[1]

    def _decide(self, deliveries: Sequence[Delivery], own: _Ownership) -> Decision:
        return handle_batch(
            deliveries,
            self._memory(own),
            self._rules,
            self._find_remedies,
            self._bearings.now_ms(),
            monotonic_ms=self._bearings.monotonic_ms(),
            canary_token=self._bearings.canary_token,
        )

    def _commit(self, decision: Decision, own: _Ownership) -> None:
        try:
            kept = ingest.keep_batch(self._engine, decision.batch, own.fence_epoch)
        except StoreUnavailable:
            own.is_unsure = True
            raise
        own.is_unsure = False
        otherwise = reads_otherwise(decision.batch, own.memory.agent)
        own.memory.apply(decision, kept.key_reused)
        if self._silence is not None:
            self._silence.hear(decision.batch.agents, Clocks(self._bearings.monotonic_ms(), decision.batch.received_ms))
        self._send(decision.statements)
        self.summary.count(decision.batch, kept)
        announce(decision, kept, self.summary, self._public_url)
        self._tell(otherwise)

    def _give_back(self) -> None:
        if self._redriven:
            with transaction(self._engine) as connection:
                quarantine.request_redrive(connection, [no for no, _ in self._redriven], self._bearings.now_ms())
            self._redriven = []

    def _deaths_over(self, sha256: str, delivery: Delivery, own: _Ownership) -> int:
        """How many processes before this one ended while they handled the message; this one is noted as its reader."""
        if sha256 == self._touched:
            return 0
        now_ms = self._bearings.now_ms()
        deaths = suspects.note(self._engine, sha256, delivery.routing_key, now_ms, own.fence_epoch)
        if deaths < DEATHS_UNTIL_GUILTY:
            self._touched = sha256
        return deaths

    def _redrive(self, number: int, quarantined: Quarantined, own: _Ownership) -> None:
        try:
            decision = self._decide([delivery_of(quarantined)], own)
            batch = decision.batch
            if batch.snapshots or batch.records or batch.repeats:
                self._commit(replace(decision, batch=replace(batch, redriven=[number])), own)
                return
            bad = next(iter(batch.quarantined), quarantined)
            why = bad.reason, bad.detail
        except (StoreUnavailable, fence.Fenced):
            raise
        except Exception as error:  # noqa: BLE001 as in `_keep`
            why = _reason(error)
        log.warning("redrive: quarantined message %d stays: %s (%s)", number, why[0], why[1][:200])
        quarantine.refuse_again(self._engine, number, *why, own.fence_epoch)

    def _quarantine(self, delivery: Delivery, why: Reason, own: _Ownership) -> None:
        """With the account of what it carried or, where that fails, without."""
        memory, now_ms = self._memory(own), self._bearings.now_ms()
        for decide in (quarantine_unread, quarantine_unaccounted):
            try:
                self._commit(decide(delivery, memory, self._rules, self._find_remedies, why, now_ms), own)
                break
            except (StoreUnavailable, fence.Fenced):
                raise
            except Exception as error:  # noqa: BLE001 else the broker hands it out again and again
                refused = _reason(error)[1]
        else:
            raise StoreUnavailable(f"it takes nothing, not even into quarantine: {refused}")
        own.kept_tag, own.undone = delivery.tag, None


def _reason(error: Exception) -> Reason:
    reason = "store-refused" if isinstance(error, SQLAlchemyError) else "processor-error"
    return reason, f"{type(error).__name__}: {error}"[:1000]


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def monotonic_clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000
