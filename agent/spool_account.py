"""The account with the hub: how far the numbering has come, what is settled, what is missing there."""

from agent.instance import Instance
from agent.ranges import Ranges
from agent.spool_rows import Life, Lost, Named, Rows
from rabbitmq.message import Numbering
from rabbitmq.records import LARGEST_EXACT_INTEGER
from rabbitmq.statement import MOST_MISSING_RANGES, MOST_MISSING_RECORDS, Statement


def numbering_of(rows: Rows, life: Life, instance: Instance) -> Numbering:
    """What a loss record names is as open as that record itself: the hub reads in order."""
    last_seq = rows.last_seq_of(life)
    state = rows.state
    firsts = (state.waiting.first_from(life.base + 1), state.in_flight.first_from(life.base + 1))
    open_seqs = [position - life.base for position in firsts if position is not None]
    open_seqs += [
        named.first_seq
        for position, named in state.losses.items()
        if named.epoch == life.epoch and (position in state.waiting or position in state.in_flight)
    ]
    first_kept = rows.first_kept(life)
    return Numbering(
        last_assigned_seq=last_seq,
        oldest_kept_seq=last_seq if first_kept is None else first_kept - life.base,
        oldest_unconfirmed_seq=min([*open_seqs, last_seq + 1]),
        instance=instance.name,
        instance_epoch=instance.epoch,
        instance_seq=instance.seq,
    )


def free_settled(rows: Rows, life: Life, settled_seq: int) -> None:
    """These need not be kept any more; they go with the next append, so that a record costs one commit."""
    first, last = life.base + 1, life.base + min(settled_seq, rows.last_seq_of(life))
    first = max(first, rows.first_kept(life) or first)
    if first <= last:
        rows.state.waiting.discard(first, last)
        rows.state.in_flight.discard(first, last)
        rows.state.settled.add(first, last)


def send_again(rows: Rows, statement: Statement) -> list[Lost]:
    """What is missing and kept waits again; returns what is not kept, nor named by a record that is."""
    life = rows.life_of(statement.epoch)
    if life:
        _send_unheard(rows, life, statement.assigned_seq)
    gone = Ranges()
    for first_seq, last_seq in _within_bounds(statement, rows.last_seq_of(life) if life else LARGEST_EXACT_INTEGER):
        gone.add(first_seq, last_seq)
        if life:
            for seq in _kept(rows, life, first_seq, last_seq):
                gone.discard(seq, seq)
                _wait_again(rows, life.base + seq)
    for named in rows.state.losses.values():
        if named.epoch == statement.epoch:
            _discard_named(gone, named)
    return [Lost(statement.epoch, first, last, "released", count=last - first + 1) for first, last in gone.ranges()]


def _send_unheard(rows: Rows, life: Life, assigned_seq: int) -> None:
    """Of an ended epoch no later message will tell the hub how far it went."""
    if life.last_seq is None:
        return
    for seq in _kept(rows, life, assigned_seq + 1, life.last_seq):
        _wait_again(rows, life.base + seq)


def _wait_again(rows: Rows, position: int) -> None:
    """Also what was settled: a hub that was restored from an old copy asks for it again."""
    rows.state.settled.discard(position, position)
    if position not in rows.state.in_flight:
        rows.state.waiting.add(position, position)


def _discard_named(numbers: Ranges, named: Named) -> None:
    """Of a thinned run the other numbers are not named."""
    for first, last in list(numbers.within(named.first_seq, named.last_seq)):
        if named.step == 1:
            numbers.discard(first, last)
            continue
        for seq in range(first + (named.first_seq - first) % named.step, last + 1, named.step):
            numbers.discard(seq, seq)


def _within_bounds(statement: Statement, last_seq: int) -> list[tuple[int, int]]:
    """Ranges of at most so many numbers together; the next statement asks for the rest."""
    bounded, left = [], MOST_MISSING_RECORDS
    for missing_first, missing_last in statement.missing[:MOST_MISSING_RANGES]:
        first = max(missing_first, statement.settled_seq + 1)
        last = min(missing_last, last_seq, first + left - 1)
        if first <= last:
            bounded.append((first, last))
            left -= last - first + 1
    return bounded


def _kept(rows: Rows, life: Life, first_seq: int, last_seq: int) -> list[int]:
    query = "SELECT position FROM record WHERE position BETWEEN ? AND ?"
    return [position - life.base for (position,) in rows.rows(query, life.base + first_seq, life.base + last_seq)]
