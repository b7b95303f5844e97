"""The function to read first: what a batch of deliveries means.

    deliveries -> read -> account -> fold into agents and checks -> one Batch to keep, and what people and agents hear

Pure: facts and the time in, decisions out. The caller keeps the batch in one transaction, tells memory of it, and only
then acknowledges and sends the statements.
"""

from collections.abc import Sequence

from processor.agent_fold import AgentFold, Sending
from processor.conclusion import Missing, conclude
from processor.decision import Decision, Learnt
from processor.delivery import Delivery
from processor.draft import Draft
from processor.identity import is_of_memory
from processor.judgement import RemedyFinder
from processor.lateness import read_canary
from processor.ledger import UNEXPLAINED_AFTER_MS
from processor.memory import FleetMemory
from processor.plausibility import Reason, implausible
from processor.rule_set import RuleSet
from processor.unread import numbers_of_message
from processor.withholding import without_explained
from rabbitmq.message import MAX_RECORDS, BadMessage, BadRecord, ReadMessage, ReadRecord, decode
from rabbitmq.topology import CANARY_ROUTING_KEY
from store.model import Agent


def handle_batch(
    deliveries: Sequence[Delivery],
    memory: FleetMemory,
    rules: RuleSet,
    find_remedies: RemedyFinder,
    now_ms: int,
    *,
    monotonic_ms: int,
    canary_token: str,
) -> Decision:
    """Decide what a batch of deliveries changes.

    1. A canary proves the flow; one of this process (`canary_token`) also bounds how long what follows it has waited.
    2. A delivery that cannot be read goes to quarantine whole; a record that cannot be read goes alone.
    3. Every readable record passes its epoch's account: kept when its number is new, else compared by the store.
    4. The records of an agent are folded into its state in the order of their numbers, whatever order they came in. One
       that is late moves checks, and nobody is notified of what it opens. One that is older than what was folded in an
       earlier batch is history only, but for what a hello tells of the host, how a command ended and what was lost.
    5. What trouble before its host explains has no incident of its own.
    6. What the account then asks for is told to the agents.
    """
    fold = _Fold(memory, Draft(now_ms, rules, find_remedies), monotonic_ms, canary_token)
    fold.deal_with_reuses()
    for delivery in deliveries:
        if delivery.routing_key == CANARY_ROUTING_KEY:
            fold.take_canary(delivery)
            continue
        try:
            message = decode(
                delivery.body, routing_key=delivery.routing_key, content_encoding=delivery.content_encoding
            )
        except BadMessage as bad:
            fold.quarantine_unread(delivery, (bad.reason, bad.detail))
            continue
        fold.take_message(delivery, message)
    return fold.decision()


def pass_time(
    memory: FleetMemory,
    rules: RuleSet,
    find_remedies: RemedyFinder,
    now_ms: int,
    *,
    unexplained_after_ms: int = UNEXPLAINED_AFTER_MS,
) -> Decision | None:
    """What time alone changes, to be called every few seconds: what is missing is asked for again or becomes
    unexplained, findings end, reused keys are told of. None when there is nothing to keep.
    """
    fold = _Fold(memory, Draft(now_ms, rules, find_remedies), 0, "")
    fold.deal_with_reuses()
    for agent_id in memory.restless():
        fold.ask_for_missing(agent_id, unexplained_after_ms)
    decision = fold.decision()
    return decision if decision.learnt.ledgers or decision.batch.checks or decision.learnt.reuses_told else None


def quarantine_unread(
    delivery: Delivery, memory: FleetMemory, rules: RuleSet, find_remedies: RemedyFinder, why: Reason, now_ms: int
) -> Decision:
    """A delivery that must not be read, because reading it or keeping what is in it fails."""
    fold = _Fold(memory, Draft(now_ms, rules, find_remedies), 0, "")
    fold.quarantine_unread(delivery, why)
    return fold.decision()


def quarantine_unaccounted(
    delivery: Delivery, _memory: FleetMemory, rules: RuleSet, find_remedies: RemedyFinder, why: Reason, now_ms: int
) -> Decision:
    """The same and nothing else: no number of it is believed."""
    draft = Draft(now_ms, rules, find_remedies)
    draft.quarantine(delivery, why, delivery.body)
    return Decision(draft.batch(), Learnt())


class _Fold:
    """The batch in the making, agent by agent."""

    def __init__(self, memory: FleetMemory, draft: Draft, monotonic_ms: int, canary_token: str) -> None:
        self._memory = memory
        self._draft = draft
        self._monotonic_ms = monotonic_ms
        self._canary_token = canary_token
        self._canary_sent_ms: int | None = None
        self._own_canary_ms: int | None = None
        self._agents: dict[str, AgentFold] = {}
        self._joined: list[str] = []
        self._missing: dict[str, Missing] = {}
        self._reuses_told: list[str] = []

    def decision(self) -> Decision:
        draft = self._draft
        for fold in self._agents.values():
            fold.fold_in_order()
        rows = {
            agent_id: conclude(fold, draft, self._memory.findings(agent_id), self._missing.get(agent_id, {}))
            for agent_id, fold in self._agents.items()
        }
        draft.agents.extend(row for agent_id, row in rows.items() if row is not self._memory.agent(agent_id))
        decision = Decision(
            draft.batch(self._canary_sent_ms),
            Learnt(
                ledgers=[ledger for fold in self._agents.values() for ledger in fold.ledgers.values()],
                repeats_from={agent_id: fold.repeats_from for agent_id, fold in self._agents.items()},
                recent={agent_id: fold.recent for agent_id, fold in self._agents.items()},
                reuses_told=self._reuses_told,
                canary_monotonic_ms=self._own_canary_ms,
            ),
            statements=draft.statements,
            joined=[rows[agent_id] for agent_id in self._joined],
            stopped=[rows[agent_id] for agent_id, fold in self._agents.items() if fold.has_stopped],
            losses=draft.losses,
        )
        return without_explained(decision, self._memory)

    def deal_with_reuses(self) -> None:
        """Keys that the last batch found reused: evidence, and the sender must hear the account to open a new epoch."""
        for agent_id, senders in self._memory.reuses.items():
            self._reuses_told.append(agent_id)
            fold = self._known(agent_id)
            if fold is not None:
                fold.foreign_records += 1
                for epoch, reply_to in senders.items():
                    fold.ledger(epoch)
                    fold.to_be_told[epoch] = reply_to

    def ask_for_missing(self, agent_id: str, unexplained_after_ms: int) -> None:
        """Ask an agent that can answer: one whose disk refuses cannot tell what lies there.

        Of an epoch that has ended no later message tells how far the broker confirmed it: once the agent is quiet about
        it, all that is missing is asked for.
        """
        fold, now_ms = self._known(agent_id), self._draft.now_ms
        if fold is None or not fold.agent.is_connected(now_ms):
            return
        missing: dict[int, list[tuple[int, int]]] = {}
        for epoch in self._memory.incomplete_epochs(agent_id):
            if is_of_memory(fold.agent.epoch) and not is_of_memory(epoch):
                continue
            asking = self._memory.ledgers(agent_id)[epoch].draft()
            if epoch < fold.agent.epoch and asking.is_quiet(now_ms):
                asking.end(now_ms)
            missing[epoch] = list(asking.ask(now_ms, unexplained_after_ms))
            if asking.has_changes:
                fold.ledgers[epoch] = asking
        self._missing[agent_id] = missing

    def take_canary(self, delivery: Delivery) -> None:
        try:
            canary = read_canary(delivery.body)
        except ValueError:
            why = "invalid-canary", "a canary's body is its time in milliseconds, its sender and a monotonic time"
            self._draft.quarantine(delivery, why, delivery.body)
            return
        self._canary_sent_ms = max(canary.sent_ms, self._canary_sent_ms or 0)
        if canary.monotonic_ms is not None and canary.token == self._canary_token:
            self._own_canary_ms = max(canary.monotonic_ms, self._own_canary_ms or 0)

    def quarantine_unread(self, delivery: Delivery, why: Reason) -> None:
        """Its message id tells which numbers it carried: believed of known epochs, and of no more than fit into one."""
        self._draft.quarantine(delivery, why, delivery.body)
        fold = self._known(delivery.routing_key)
        numbers = numbers_of_message(delivery)
        if fold is None or numbers is None or not fold.knows_epoch(numbers[0]):
            return
        epoch, carried = numbers
        ledger = fold.ledger(epoch)
        if carried[-1] <= ledger.assigned_seq + MAX_RECORDS:
            ledger.quarantine(carried, why[0], self._draft.now_ms)

    def take_message(self, delivery: Delivery, message: ReadMessage) -> None:
        fold = self._known(message.agent_id)
        good: list[ReadRecord] = []
        bad = list(message.bad_records)
        for item in message.records:
            why = implausible(item.record, message.epoch, fold.position[0] if fold else 0)
            if why is None:
                good.append(item)
            else:
                bad.append(BadRecord(item.raw, *why))
        if good and fold is None:
            fold = self._join(message.agent_id, good[0])
        if fold and (good or fold.knows_epoch(message.epoch)):
            fold.take(good, Sending(delivery, message.epoch, message.numbering, self._queue_age_ms()))
        for unread in bad:
            self._draft.quarantine(delivery, (unread.reason, unread.detail), unread.raw)
            if fold:
                fold.account_for_bad(unread, message.epoch)

    def _queue_age_ms(self) -> int | None:
        """The longest that a delivery may have waited in the queue: since the last own canary before it was sent."""
        sent_ms = self._memory.canary_monotonic_ms if self._own_canary_ms is None else self._own_canary_ms
        return None if sent_ms is None else max(self._monotonic_ms - sent_ms, 0)

    def _known(self, agent_id: str) -> AgentFold | None:
        fold = self._agents.get(agent_id)
        if fold is None:
            agent = self._memory.agent(agent_id)
            if agent is not None:
                fold = self._agents[agent_id] = AgentFold(agent, self._memory, self._draft)
        return fold

    def _join(self, agent_id: str, first: ReadRecord) -> AgentFold:
        """A new agent was seen when its clock says, should its first record turn out to be late."""
        now_ms = self._draft.now_ms
        agent = Agent(
            agent_id=agent_id,
            first_seen_ms=now_ms,
            last_seen_ms=min(now_ms, round(first.record.wall_seconds * 1000)),
        )
        self._joined.append(agent_id)
        fold = self._agents[agent_id] = AgentFold(agent, self._memory, self._draft)
        return fold
