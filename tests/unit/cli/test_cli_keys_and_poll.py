"""`healthmon keys` and `healthmon poll`."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.unit.cli.desk_stub import METRICS, User, listed, problem

KEY = {"key_id": 3, "name": "grafana", "role": "viewer", "created": "2026-11-21T09:00:00Z", "revoked": None}
REVOKED = {**KEY, "key_id": 2, "name": "old", "revoked": "2026-11-21T10:00:00Z"}


@pytest.fixture
def admin(user: User, tmp_path: Path) -> User:
    file = tmp_path / "admin.key"
    file.write_text("healthmon_local")
    user.environment["HEALTHMON_ADMIN_KEY_FILE"] = str(file)
    return user


def test_a_new_key_is_all_that_stands_on_standard_output(admin: User) -> None:
    made = httpx2.Response(201, json={**KEY, "key": "healthmon_new"})
    seen = admin.calls("keys", "create", "--role", "viewer", "--name", "grafana", answers={"POST /keys": made})
    assert (seen.code, seen.out) == (0, "healthmon_new\n")
    assert json.loads(seen.asked[0].content) == {"name": "grafana", "role": "viewer"}
    assert "This is key 3 (viewer, grafana). Keep it now" in seen.err
    assert "healthmon_local" not in seen.err


def test_keys_as_json(admin: User) -> None:
    made = {**KEY, "key": "healthmon_new"}
    seen = admin.calls("keys", "create", "--role", "viewer", "--json", answers={"POST /keys": made})
    assert (json.loads(seen.out), seen.err) == ({"schema": "key/1", "key": made}, "")
    revoked = admin.calls("keys", "revoke", "2", "--json", answers={"DELETE /keys/2": REVOKED})
    assert json.loads(revoked.out) == {"schema": "key/1", "key": REVOKED}


def test_a_role_must_be_one_there_is(admin: User) -> None:
    for arguments in (("--role", "root"), ()):
        seen = admin.calls("keys", "create", *arguments)
        assert (seen.code, seen.asked) == (64, [])
        assert "viewer" in seen.err


def test_keys_are_listed_with_revoked_ones_in_capitals(admin: User) -> None:
    answers = {"GET /keys": listed(REVOKED, KEY)}
    seen = admin.calls("keys", "list", answers=answers)
    assert seen.lines[0] == "1 of 2 keys in use"
    assert "REVOKED 10:00:00" in seen.lines[3]
    assert "ok" in seen.lines[4].split()
    assert (
        admin.calls("keys", "list", "--plain", answers=answers).lines[1] == "3\tviewer\tgrafana\t2026-11-21T09:00:00Z\t"
    )
    shown = json.loads(admin.calls("keys", "list", "--json", answers=answers).out)
    assert shown == {"schema": "keys/1", "keys": [REVOKED, KEY]}


def test_revoking_says_which_key_ended(admin: User) -> None:
    seen = admin.calls("keys", "revoke", "2", answers={"DELETE /keys/2": REVOKED})
    assert (seen.code, seen.out) == (0, "Key 2 (viewer, old) is revoked.\n")


def test_revoking_an_unknown_key_is_not_found(admin: User) -> None:
    seen = admin.calls("keys", "revoke", "9", answers={"DELETE /keys/9": problem(404, "There is no key 9.")})
    assert (seen.code, seen.err) == (1, "There is no key 9. Try: healthmon keys list\n")


def test_a_poll_shows_the_fresh_snapshot(user: User) -> None:
    seen = user.calls("poll", "web-3", answers={"POST /agents/web-3/poll": METRICS})
    assert (seen.code, seen.lines[0]) == (0, "web-3 answered: snapshot 412, taken 14:14:09 UTC")
    assert any(line.split() == ["96.4", "%", "disk", "/"] for line in seen.lines)


def test_a_poll_as_json(user: User) -> None:
    seen = user.calls("poll", "web-3", "--json", answers={"POST /agents/web-3/poll": METRICS})
    assert json.loads(seen.out) == {"schema": "snapshot/1", "snapshot": METRICS}
    asked = httpx2.Response(202, json={"command_id": "c", "detail": "web-3 was asked."})
    seen = user.calls("poll", "web-3", "--json", answers={"POST /agents/web-3/poll": asked})
    assert (seen.code, seen.out) == (75, "")


def test_a_poll_that_is_not_answered_yet_asks_for_patience(user: User) -> None:
    asked = httpx2.Response(202, json={"command_id": "c", "detail": "web-3 was asked."})
    seen = user.calls("poll", "web-3", answers={"POST /agents/web-3/poll": asked})
    assert (seen.code, seen.out) == (75, "")
    assert seen.err.startswith("web-3 was asked. ")


def test_a_host_that_cannot_be_asked_is_named_with_the_reason(user: User) -> None:
    refusal = problem(409, "A command cannot reach web-3. No data for 4 min.")
    seen = user.calls("poll", "web-3", answers={"POST /agents/web-3/poll": refusal})
    assert (seen.code, seen.out) == (1, "")
    assert "No data for 4 min." in seen.err
