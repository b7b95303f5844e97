"""What agents are told of their accounts, and what they are asked for."""

from health.state import State
from processor.decision import Decision
from processor.memory import FleetMemory
from rabbitmq.message import Numbering
from rabbitmq.statement import Statement
from store.model import Change, IncidentChange
from tests.unit.processor.deliveries import decide, delivery, empty_memory, goodbye, pass_a_moment, snapshot, wall_ms

REPLY = "amq.rabbitmq.reply-to.web-3"
MINUTE_MS = 60_000


def told(decision: Decision | None) -> list[Statement]:
    assert decision is not None
    assert {to for to, _ in decision.statements} <= {REPLY}
    return [statement for _, statement in decision.statements]


def holed_memory() -> FleetMemory:
    """3 to 5 were confirmed and lost; 7 to 9 are on their way. The agent lives."""
    memory = empty_memory()
    records = [snapshot(seq, cpu=1.0) for seq in (1, 2, 6)]
    decide(memory, delivery(*records, reply_to=REPLY, numbering=Numbering(9, 1, 7)), now_ms=wall_ms(6))
    return memory


def live(memory: FleetMemory, seq: int, unconfirmed: int = 7) -> list[IncidentChange]:
    numbering = Numbering(seq, 1, unconfirmed)
    batch = decide(memory, delivery(snapshot(seq, cpu=1.0), reply_to=REPLY, numbering=numbering)).batch
    return list(batch.incidents)


def test_an_agent_hears_its_account_at_first_then_each_five_minutes() -> None:
    memory, when = empty_memory(), []
    for seq in range(1, 140):
        statements = told(decide(memory, delivery(snapshot(seq, cpu=1.0), reply_to=REPLY)))
        when += [(seq, statement.settled_seq) for statement in statements]
    assert when == [(1, 1), (61, 61), (121, 121)]


def test_it_hears_its_account_after_each_hundred_records() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0), reply_to=REPLY))
    backlog = [delivery(snapshot(seq, cpu=1.0), reply_to=REPLY) for seq in range(2, 400)]
    assert [
        len(told(decide(memory, *part, now_ms=wall_ms(1)))) for part in (backlog[:99], backlog[99:100], backlog[100:])
    ] == [0, 1, 1]


def test_nothing_is_sent_to_an_address_that_is_no_reply_address() -> None:
    memory = empty_memory()
    for reply_to in (None, "health.telemetry", "ingest", ""):
        assert not decide(memory, delivery(snapshot(1, cpu=1.0), reply_to=reply_to)).statements
    assert memory.ledgers("web-3")[1].told_ms == 0


def test_what_the_broker_lost_is_asked_for_each_half_minute() -> None:
    memory = holed_memory()
    assert pass_a_moment(memory, wall_ms(6) + 9_999) is None
    [statement] = told(pass_a_moment(memory, wall_ms(6) + 10_000))
    assert (statement.missing, statement.settled_seq, statement.assigned_seq) == ([(3, 5)], 2, 9)
    assert pass_a_moment(memory, wall_ms(6) + 12_000) is None
    for seq in range(10, 13):
        live(memory, seq)
    [again] = told(pass_a_moment(memory, wall_ms(6) + 40_000))
    assert again.missing == [(3, 5)]


def test_an_agent_that_cannot_answer_is_not_asked() -> None:
    memory = holed_memory()
    assert pass_a_moment(memory, wall_ms(6) + 16_000) is None
    decide(memory, delivery(goodbye(10)))
    assert pass_a_moment(memory, wall_ms(10)) is None


def test_an_answer_closes_the_hole() -> None:
    memory = holed_memory()
    pass_a_moment(memory, wall_ms(6) + 10_000)
    answer = delivery(*[snapshot(seq, cpu=1.0) for seq in (3, 4, 5, 7, 8, 9)], waited_seconds=30)
    assert [kept.seq for kept in decide(memory, answer).batch.snapshots] == [3, 4, 5, 7, 8, 9]
    assert memory.ledgers("web-3")[1].gaps == []
    assert pass_a_moment(memory, wall_ms(10)) is None


def test_what_stays_away_is_an_incident_until_it_comes() -> None:
    memory = holed_memory()
    changes: list[tuple[IncidentChange, int]] = []
    for seq in range(10, 400):
        changes += [(change, seq) for change in live(memory, seq)]
        passed = pass_a_moment(memory, wall_ms(seq) + 1)
        changes += [(change, seq) for change in passed.batch.incidents] if passed else []
    [(opened, at)] = changes
    assert (opened.change, opened.severity, opened.key.rule) == (Change.OPENED, State.CRITICAL, "records-unexplained")
    assert "3 of its records" in opened.sentence
    assert opened.value == 3
    assert wall_ms(at) - wall_ms(10) >= 15 * MINUTE_MS
    [part] = [memory.ledgers("web-3")[1].unexplained]
    assert part == 3
    [restated] = decide(memory, delivery(snapshot(3, cpu=1.0), snapshot(4, cpu=1.0))).batch.incidents
    assert (restated.change, restated.key, restated.value) == (Change.RESTATED, opened.key, 1)
    assert "1 of its records" in restated.sentence
    assert decide(memory, delivery(snapshot(400, cpu=1.0))).batch.incidents == []
    [closed] = decide(memory, delivery(snapshot(5, cpu=1.0))).batch.incidents
    assert (closed.change, closed.key) == (Change.CLOSED, opened.key)


def test_the_wait_may_be_shorter() -> None:
    memory, asked = holed_memory(), 0
    for seq in range(10, 40):
        live(memory, seq)
        passed = pass_a_moment(memory, wall_ms(seq) + 1, unexplained_after_ms=0)
        asked += len([statement for statement in told(passed) if statement.missing]) if passed else 0
    assert (memory.ledgers("web-3")[1].unexplained, asked) == (3, 3)


def test_the_incident_of_the_processor_is_not_closed_by_a_snapshot() -> None:
    memory = holed_memory()
    for seq in range(10, 60):
        live(memory, seq)
        pass_a_moment(memory, wall_ms(seq) + 1, unexplained_after_ms=0)
    assert list(memory.findings("web-3")) == [("records-unexplained", "")]
    assert memory.checks("web-3") == {}


def test_what_is_on_its_way_again_is_not_asked_for() -> None:
    memory = holed_memory()
    pass_a_moment(memory, wall_ms(6) + 10_000)
    for seq in range(10, 16):
        live(memory, seq, unconfirmed=3)
    assert pass_a_moment(memory, wall_ms(15)) is None
    live(memory, 16, unconfirmed=17)  # confirmed, and did not come: the broker lost it once more
    [again] = told(pass_a_moment(memory, wall_ms(16)))
    assert again.missing == [(3, 5), (7, 9)]
