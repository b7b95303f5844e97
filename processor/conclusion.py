"""What follows once all of an agent's records are in: epochs that ended, findings, statements, and the rows to keep."""

from collections.abc import Mapping

from health.state import State
from processor import telling
from processor.agent_fold import AgentFold
from processor.clock_offset import SKEWED_UNTIL_MS, is_skewed, skew_sentence, steady_sentence
from processor.draft import Draft
from processor.findings import CLOCK_SKEW, IDENTITY_CONFLICT, RECORDS_UNEXPLAINED, Finding
from processor.identity import is_of_memory
from processor.ledger import Ledger
from processor.rule_set import Place
from store.model import Agent, Check, IncidentChange

CONFLICT_OVER_AFTER_MS = 10 * 60_000

Missing = Mapping[int, list[tuple[int, int]]]
"""From an epoch to the ranges that its agent is asked for."""


def conclude(fold: AgentFold, draft: Draft, findings: Mapping[Place, Check], missing: Missing) -> Agent:
    """Move what the fold made of the agent into the draft of the batch; returns the agent's row.

    `findings` are those open before the batch.
    """
    agent = fold.row
    _end_epochs(fold, draft.now_ms)
    _Judge(fold, agent, draft, findings).judge()
    _tell(fold, agent, draft, missing)
    draft.checks.extend(fold.moved.values())
    for ledger in fold.ledgers.values():
        draft.account(ledger)
    return agent


def _end_epochs(fold: AgentFold, now_ms: int) -> None:
    """An epoch ends with the first record of a higher one; one in memory with the next start of its agent, too.

    What comes later of one in memory ends it again. Of the last one on disk, and of each that lacks records, the agent
    hears how far it is known.
    """
    touched, known = fold.ledgers, fold.known_ledgers
    has_begun = not touched.keys() <= known.keys()
    if not has_begun and not fold.has_new_holder and not any(map(is_of_memory, touched)):
        return
    epochs = known.keys() | touched.keys()
    current = fold.agent.instance_epoch if fold.has_new_holder else max(epochs, default=0)
    if has_begun:
        on_disk = sorted(epoch for epoch in known if epoch != current and not is_of_memory(epoch))
        for epoch in on_disk:
            if epoch == on_disk[-1] or (touched.get(epoch) or known[epoch]).has_open_gaps:
                fold.ledger(epoch).end(now_ms)
                fold.to_be_told.setdefault(epoch, fold.row.reply_to or "")
    for epoch in filter(is_of_memory, epochs - {current}):
        if (touched.get(epoch) or known[epoch]).has_open_gaps:
            fold.ledger(epoch).end(now_ms)


class _Judge:
    """Opens and closes the findings of one agent."""

    def __init__(self, fold: AgentFold, agent: Agent, draft: Draft, findings: Mapping[Place, Check]) -> None:
        self._fold = fold
        self._agent = agent
        self._draft = draft
        self._findings = findings

    def judge(self) -> None:
        self._judge_identity()
        self._judge_account()
        self._judge_clock()

    def _judge_identity(self) -> None:
        """Open while evidence comes; over when the agent's records go on for ten minutes without any."""
        now_ms, known = self._draft.now_ms, self._findings.get(IDENTITY_CONFLICT.place)
        count = self._fold.foreign_records
        if count:
            finding = Finding(IDENTITY_CONFLICT, self._agent, count, _conflict_sentence(self._agent), now_ms)
            check = known or self._open(finding)
            last_seen = Check(
                key=check.key,
                state=check.state,
                since_ms=check.since_ms,
                value=count,
                pending=State.OK,
                pending_since_ms=now_ms,
            )
            self._fold.moved[IDENTITY_CONFLICT.place] = last_seen
        elif known is not None:
            since_ms = known.since_ms if known.pending_since_ms is None else known.pending_since_ms
            if abs(now_ms - since_ms) >= CONFLICT_OVER_AFTER_MS and self._agent.is_connected(now_ms):
                self._close(Finding(IDENTITY_CONFLICT, self._agent, 0, "one agent sends under this id again", now_ms))

    def _judge_account(self) -> None:
        known = self._findings.get(RECORDS_UNEXPLAINED.place)
        if known is None and not any(ledger.unexplained for ledger in self._fold.ledgers.values()):
            return
        ledgers: Mapping[int, Ledger] = {**self._fold.known_ledgers, **self._fold.ledgers}
        count = sum(ledger.unexplained for ledger in ledgers.values())
        if count == (known.value if known else 0):
            return
        sentence = _unexplained_sentence(count) if count else "every record is stored or named as lost again"
        finding = Finding(RECORDS_UNEXPLAINED, self._agent, count, sentence, self._draft.now_ms)
        if not count:
            self._close(finding)
        elif known is None:
            self._open(finding)
        else:
            self._take(*finding.restated(known.since_ms))

    def _judge_clock(self) -> None:
        offset_ms, known = self._fold.offset_ms, self._findings.get(CLOCK_SKEW.place)
        if offset_ms is None or (known is None and abs(offset_ms) < SKEWED_UNTIL_MS):
            return
        skewed = is_skewed(offset_ms, was_skewed=known is not None)
        if skewed != (known is not None):
            sentence = skew_sentence(offset_ms) if skewed else steady_sentence(offset_ms)
            finding = Finding(CLOCK_SKEW, self._agent, offset_ms / 1000, sentence, self._draft.now_ms)
            if skewed:
                self._open(finding)
            else:
                self._close(finding)

    def _open(self, finding: Finding) -> Check:
        check, change = finding.opened(self._draft.find_remedies)
        self._take(check, change)
        return check

    def _close(self, finding: Finding) -> None:
        self._take(*finding.closed())

    def _take(self, check: Check, change: IncidentChange) -> None:
        self._fold.moved[(check.key.rule, check.key.subject)] = check
        self._draft.incidents.append(change)


def _tell(fold: AgentFold, agent: Agent, draft: Draft, missing: Missing) -> None:
    """At most one statement for each epoch and address."""
    holder = agent.reply_to or ""
    for epoch, ledger in fold.ledgers.items():
        ranges, sender = missing.get(epoch, []), fold.to_be_told.get(epoch, "")
        due = bool(ranges) or sender == holder or telling.is_due(ledger, draft.now_ms)
        if due and telling.is_address(holder) and ledger.assigned_seq:
            draft.statements.append((holder, telling.tell(ledger, draft.now_ms, ranges)))
        if sender != holder and telling.is_address(sender) and ledger.assigned_seq:
            draft.statements.append((sender, telling.statement_of(ledger)))


def _conflict_sentence(agent: Agent) -> str:
    return (
        f"two agents send as {agent.agent_id}: what the earlier one sends, or either under numbers that are taken, "
        "goes to quarantine. A state folder was copied or restored from an old copy. "
        "Delete the state folder on the copy: it joins as a new agent"
    )


def _unexplained_sentence(count: int) -> str:
    return (
        f"{count} of its records are neither stored nor named as lost, and asking for them again brought nothing. "
        "`healthmon delivery` lists them; look into the agent's log and its spool"
    )
