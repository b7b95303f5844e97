"""Active checks: a state of their own, told in the words of the check."""

import msgspec
import pytest
from msgspec import structs

from health.state import State
from processor.rule_set import RuleSet
from rabbitmq.records import CheckResult, Snapshot
from store.model import Change, IncidentChange
from tests.unit.processor.deliveries import START_SECONDS, decide, delivery, empty_memory, hello, readings
from tests.unit.processor.rules_of_tests import rule


def seen(state: str, seq: int, name: str = "web", output: str = "it answers", **fields: object) -> CheckResult:
    whole = {
        "name": name,
        "kind": "http",
        "state": state,
        "output": output,
        "wall_seconds": START_SECONDS + 5 * seq - 1,
        "duration_seconds": 0.1,
    }
    return msgspec.convert(whole | fields, CheckResult)


def with_checks(seq: int, *results: CheckResult) -> Snapshot:
    return structs.replace(readings(seq, {"cpu": 1.0}), checks=list(results))


def kinds(changes: list[IncidentChange]) -> list[tuple[Change, State]]:
    return [(change.change, change.severity) for change in changes]


def test_a_check_opens_worsens_and_closes_an_incident_of_its_own() -> None:
    memory, changes = empty_memory(), list[IncidentChange]()
    for seq, state in enumerate(["ok", "warning", "critical", "critical", "ok"], start=1):
        changes += decide(memory, delivery(with_checks(seq, seen(state, seq)))).batch.incidents
    assert kinds(changes) == [
        (Change.OPENED, State.WARNING),
        (Change.WORSENED, State.CRITICAL),
        (Change.CLOSED, State.CRITICAL),
    ]
    opened = changes[0]
    assert (opened.key.rule, opened.key.subject) == ("check", 'check="web"')
    assert (opened.title, opened.sentence) == ("check web", "web: it answers")
    assert (opened.metric, opened.value) == ("check.state", 1.0)


def test_a_check_that_could_not_be_made_is_unknown() -> None:
    [opened] = decide(empty_memory(), delivery(with_checks(1, seen("unknown", 1, output="")))).batch.incidents
    assert (opened.severity, opened.value, opened.sentence) == (State.UNKNOWN, 3.0, "check web is unknown")


@pytest.mark.parametrize("wall_seconds", [-1.0, 9e15, 1e300])
def test_a_time_that_no_check_ran_at_is_not_believed(wall_seconds: float) -> None:
    sent = with_checks(1, seen("critical", 1), seen("critical", 1, name="db", wall_seconds=wall_seconds))
    batch = decide(empty_memory(), delivery(sent)).batch
    assert [bad.reason for bad in batch.quarantined] == ["implausible-clock"]
    assert not batch.incidents


def test_it_counts_after_so_many_attempts_as_its_settings_say() -> None:
    memory, opened = empty_memory(), list[IncidentChange]()
    for seq in range(1, 6):
        result = seen("critical", seq, attempts=3)
        opened += decide(memory, delivery(with_checks(seq, result))).batch.incidents
    assert [change.seq for change in opened] == [3]


def test_results_of_one_snapshot_count_in_the_order_in_which_they_ended() -> None:
    late_first = [seen("ok", 3), seen("critical", 2), seen("warning", 1)]
    batch = decide(empty_memory(), delivery(with_checks(3, *late_first))).batch
    assert kinds(list(batch.incidents)) == [
        (Change.OPENED, State.WARNING),
        (Change.WORSENED, State.CRITICAL),
        (Change.CLOSED, State.CRITICAL),
    ]
    assert [check.state for check in batch.checks] == [State.OK]


def test_the_sentence_is_the_first_line_and_no_longer_than_a_sentence() -> None:
    output = f"HTTP\tCRITICAL {'x' * 1000}\nsecond line"
    [opened] = decide(empty_memory(), delivery(with_checks(1, seen("critical", 1, output=output)))).batch.incidents
    assert opened.sentence.startswith("web: HTTP CRITICAL xxx")
    assert len(opened.sentence) == 300
    assert "second" not in opened.sentence


def test_a_name_with_quotes_or_braces_is_a_name() -> None:
    memory = empty_memory()
    [opened] = decide(memory, delivery(with_checks(1, seen("critical", 1, name='a "{b}"')))).batch.incidents
    assert opened.title == 'check a "{b}"'
    [closed] = decide(memory, delivery(hello(2))).batch.incidents
    assert closed.key == opened.key


def test_a_check_that_has_not_run_again_stays_as_it_is() -> None:
    memory = empty_memory()
    decide(memory, delivery(with_checks(1, seen("critical", 1))))
    for seq in range(2, 60):
        assert not decide(memory, delivery(readings(seq, {"cpu": 1.0}))).batch.incidents
    assert [check.state for check in memory.checks("web-3").values()] == [State.CRITICAL]


def test_a_rule_on_a_checks_reading_waits_until_it_runs_again() -> None:
    memory, rules = empty_memory(), RuleSet([rule("slow", "check.duration_seconds", limit=1.0)])
    name = 'check.duration_seconds{check="web"}'
    [opened] = decide(memory, delivery(readings(1, {name: 9.0})), rules=rules).batch.incidents
    for seq in range(2, 60):
        assert not decide(memory, delivery(readings(seq, {"cpu": 1.0})), rules=rules).batch.incidents
    configured = structs.replace(hello(60), checks=["web"])
    assert not decide(memory, delivery(configured), rules=rules).batch.incidents
    [closed] = decide(memory, delivery(hello(61)), rules=rules).batch.incidents
    assert (closed.change, closed.key) == (Change.CLOSED, opened.key)


def test_a_hello_ends_what_is_not_configured_any_more() -> None:
    memory = empty_memory()
    decide(memory, delivery(with_checks(1, seen("critical", 1), seen("critical", 1, name="mail"))))
    [closed] = decide(memory, delivery(structs.replace(hello(2), checks=["mail"]))).batch.incidents
    assert (closed.change, closed.key.subject) == (Change.CLOSED, 'check="web"')
    assert closed.sentence == "the check web is not configured any more"


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_hello_that_is_not_the_newest_ends_nothing(in_one_batch: bool) -> None:
    memory, old, new = empty_memory(), delivery(hello(1)), delivery(with_checks(2, seen("critical", 2)))
    batches = [[new, old]] if in_one_batch else [[new], [old]]
    changes = [change for batch in batches for change in decide(memory, *batch).batch.incidents]
    assert kinds(changes) == [(Change.OPENED, State.CRITICAL)]


def test_results_are_kept_with_their_snapshot() -> None:
    [kept] = decide(empty_memory(), delivery(with_checks(1, seen("warning", 1)))).batch.snapshots
    assert msgspec.json.decode(kept.extra or b"")["checks"] == [msgspec.to_builtins(seen("warning", 1))]


def test_what_a_hello_says_of_group_and_labels_is_the_agents() -> None:
    memory = empty_memory()
    [agent] = decide(memory, delivery(structs.replace(hello(1), group="web", labels={"rack": "7"}))).batch.agents
    assert (agent.group_name, agent.labels) == ("web", {"rack": "7"})


def test_a_rule_for_a_group_holds_for_no_other_host() -> None:
    memory, rules = empty_memory(), RuleSet([rule(groups=frozenset({"web"}))])
    bad = {"load": 99.0}
    assert not decide(memory, delivery(readings(1, bad)), rules=rules).batch.incidents
    joined = structs.replace(hello(2), group="web")
    [opened] = decide(memory, delivery(joined), delivery(readings(3, bad)), rules=rules).batch.incidents
    assert (opened.change, opened.seq) == (Change.OPENED, 3)
    [closed] = decide(memory, delivery(hello(4)), delivery(readings(5, bad)), rules=rules).batch.incidents
    assert (closed.change, closed.seq) == (Change.CLOSED, 5)
