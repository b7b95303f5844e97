"""`healthmon delivery`: every record accounted for, or what is not, the worst host first."""

import json
from typing import Any

import pytest

from tests.unit.cli.desk_stub import User, listed

FINE = {
    "agent_id": "a-1",
    "name": "web-3",
    "assigned": 1_000_000,
    "stored": 999_980,
    "quarantined": 0,
    "declared": 12,
    "in_transit": 8,
    "unexplained": 0,
    "duplicates": 5,
    "declared_by_reason": [{"reason": "full", "records": 12}],
    "oldest_unconfirmed": None,
    "spool": None,
    "sentence": "",
}
BAD = {**FINE, "agent_id": "a-2", "name": "db-1", "stored": 999_977, "unexplained": 3}
NONE = dict.fromkeys(("assigned", "stored", "quarantined", "declared", "in_transit", "unexplained", "duplicates"), 0)


def account(*agents: dict[str, Any], depth: int | None = 0, **total: Any) -> dict[str, Any]:
    whole = {**NONE, "sentence": "2,000,000 records assigned, every one accounted for.", "assigned": 1, "stored": 1}
    queue = {"depth": depth, "age_seconds": 61.0, "consumers": 1}
    return {"agents": list(agents), "total": {**whole, **total}, "queue": queue}


def test_the_sentence_comes_first_and_the_worst_host_next(user: User) -> None:
    seen = user.calls("delivery", answers={"GET /delivery": account(FINE, BAD, depth=1204)})
    assert seen.code == 0
    assert seen.lines[0] == "2,000,000 records assigned, every one accounted for."
    rows = [line.split() for line in seen.lines[3:5]]
    assert [row[0] for row in rows] == ["db-1", "web-3"]
    assert rows[0][1:] == ["1,000,000", "999,977", "0", "12", "8", "3", "5"]
    assert "Queue: 1,204 messages for the processor, the oldest for about 1 min." in seen.lines
    assert "Named as lost: 24 full." in seen.lines
    assert seen.lines[-1] == "Next: healthmon incidents"
    assert max(map(len, seen.lines)) <= 80


def test_what_is_not_known_is_said(user: User) -> None:
    seen = user.calls("delivery", answers={"GET /delivery": account(depth=None)})
    assert "Queue: not known, the help desk does not reach RabbitMQ." in seen.lines


@pytest.mark.parametrize(
    ("entries", "last"),
    [
        ([{"number": 12}], "Next: healthmon quarantine list"),
        ([], "No quarantined message is left: their bytes were dropped with age."),
    ],
)
def test_the_quarantine_is_named_while_it_holds_something(user: User, entries: list[object], last: str) -> None:
    answers = {"GET /delivery": account({**FINE, "quarantined": 1}), "GET /quarantine": listed(*entries)}
    assert user.calls("delivery", answers=answers).lines[-1] == last
    assert len(user.calls("delivery", "--json", answers=answers).asked) == 1


@pytest.mark.parametrize(
    ("total", "code"),
    [({}, 0), ({"quarantined": 1}, 1), ({"quarantined": 1, "unexplained": 1}, 2), ({"assigned": 0}, 3)],
)
def test_the_exit_code_mirrors_the_account_when_asked_to(user: User, total: dict[str, int], code: int) -> None:
    answers = {"GET /delivery": account(**total)}
    assert user.calls("delivery", answers=answers).code == 0
    assert user.calls("delivery", "--exit-code", answers=answers).code == code


def test_plain_and_json_have_every_agent_of_every_part(user: User) -> None:
    many = [{**FINE, "agent_id": f"a-{number:04}"} for number in range(1000)]
    parts = {"": account(*many), "a-0999": account(BAD)}
    answers = {"GET /delivery": lambda request: parts[request.url.params.get("cursor", "")]}
    assert len(user.calls("delivery", "--plain", answers=answers).lines) == 1001
    answer = json.loads(user.calls("delivery", "--json", answers=answers).out)
    assert (answer["schema"], len(answer["agents"])) == ("delivery/1", 1001)
    assert "and 951 more: healthmon delivery --plain" in user.calls("delivery", answers=answers).lines
