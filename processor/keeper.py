"""Batches of deliveries into the store: decide, keep in one transaction, remember, say what changed.

    deliveries -> pipeline.handle_batch -> store.keep_batch -> memory.apply -> log

The keeper owns the fence: it claims it with the first batch after each (re)connection, because only the active consumer
gets any, and from then on every transaction checks it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from processor.delivery import Delivery
from processor.fold import RemedyFinder, RuleSet
from processor.memory import FleetMemory
from processor.pipeline import Decision, handle_batch
from processor.summary import Summary
from store import agents, fence, ingest, retention
from store.engine import StoreUnavailable, reading
from store.model import Batch, Change, IncidentChange, KeptBatch, Quarantined, State

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 10.0


@dataclass
class _Ownership:
    fence_epoch: int
    memory: FleetMemory


class Keeper:
    """Keeps batches; `owner` names this process in the fence, `now_ms` is the wall clock."""

    def __init__(
        self,
        engine: Engine,
        rules: RuleSet,
        find_remedies: RemedyFinder,
        *,
        owner: str,
        public_url: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._find_remedies = find_remedies
        self._owner = owner
        self._public_url = public_url
        self._now_ms = now_ms
        self._ownership: _Ownership | None = None
        self.summary = Summary()

    def release(self) -> None:
        """Forget the ownership: another processor may have been active since."""
        self._ownership = None

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Keep a batch or raise StoreUnavailable or Fenced, with nothing kept and nothing to be acknowledged.

        What the store refuses for its content, or what no code was written for, is found by halving the batch until one
        delivery is left; that one goes to quarantine and its neighbours are kept.
        """
        ownership = self._own()
        try:
            decision = handle_batch(deliveries, ownership.memory, self._rules, self._find_remedies, self._now_ms())
            kept = ingest.keep_batch(self._engine, decision.batch, ownership.fence_epoch)
        except (StoreUnavailable, fence.Fenced):
            raise
        except Exception as error:  # noqa: BLE001 one bad message must not stop the others, whatever it breaks
            if len(deliveries) == 1:
                self._quarantine(deliveries[0], error, ownership)
                return
            middle = len(deliveries) // 2
            self.keep(deliveries[:middle])
            self.keep(deliveries[middle:])
            return
        ownership.memory.apply(decision.batch)
        self._tell(decision, kept)

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

    def drop_expired(self, retention_ms: int) -> int:
        """Drop what is older than the retention; 0 while another processor is the owner."""
        if self._ownership is None:
            return 0
        return retention.drop_before(self._engine, self._now_ms() - retention_ms, self._ownership.fence_epoch)

    def _own(self) -> _Ownership:
        if self._ownership is None:
            fence_epoch = fence.claim(self._engine, self._owner, self._now_ms())
            with reading(self._engine) as connection:
                memory = FleetMemory(agents.fleet_state(connection))
            self._ownership = _Ownership(fence_epoch, memory)
            log.info("this processor is the active one, state of %d agents restored", len(memory))
        return self._ownership

    def _quarantine(self, delivery: Delivery, error: Exception, ownership: _Ownership) -> None:
        reason = "store-refused" if isinstance(error, SQLAlchemyError) else "processor-error"
        log.error("a message of %s went to quarantine: %s", delivery.routing_key[:64], reason, exc_info=error)
        quarantined = Quarantined(
            received_ms=self._now_ms(),
            routing_key=delivery.routing_key,
            message_id=delivery.message_id,
            headers=delivery.headers,
            reason=reason,
            detail=f"{type(error).__name__}: {error}"[:1000],
            body=delivery.body,
        )
        batch = Batch(quarantined=[quarantined], received_ms=quarantined.received_ms)
        try:
            kept = ingest.keep_batch(self._engine, batch, ownership.fence_epoch)
        except SQLAlchemyError as refused:
            raise StoreUnavailable(f"it takes nothing, not even into quarantine: {type(refused).__name__}") from refused
        self.summary.count(batch, kept)

    def _tell(self, decision: Decision, kept: KeptBatch) -> None:
        batch = decision.batch
        self.summary.count(batch, kept)
        for agent in decision.joined:
            log.info("%s joined as %s, first record stored", agent.name, agent.agent_id)
        for agent in decision.stopped:
            log.info("%s said goodbye: %s", agent.name, agent.goodbye_reason)
        for bad in (*batch.quarantined, *kept.key_reused):
            if self.summary.is_news(bad):
                log.warning("quarantined, from %s: %s (%s)", bad.routing_key[:64], bad.reason, bad.detail[:200])
        for loss in decision.losses:
            lost = f"records {loss.first_seq} to {loss.last_seq} of epoch {loss.lost_epoch}"
            log.warning("%s gave up %s: %s", loss.agent_id, lost, loss.reason)
        names = {agent.agent_id: agent.name for agent in batch.agents}
        for change in batch.incidents:
            number = kept.incident_numbers.get(change.key)
            log.log(_level(change), "%s", _incident_line(change, names[change.key.agent_id], self._link(number)))

    def _link(self, number: int | None) -> str:
        return f"{self._public_url}/i/{number}" if number is not None else ""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _level(change: IncidentChange) -> int:
    if change.change in (Change.CLOSED, Change.EASED):
        return logging.INFO
    return logging.ERROR if change.severity is State.CRITICAL else logging.WARNING


def _incident_line(change: IncidentChange, name: str, link: str) -> str:
    state = "ok" if change.change is Change.CLOSED else change.severity.upper()
    return f"{name} -> {state}  {change.sentence}  {link}".rstrip()
