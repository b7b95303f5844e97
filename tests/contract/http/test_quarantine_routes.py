"""The quarantine over HTTP: why each message is there, what now, its bytes made harmless, and the way back."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from helpdesk_api.quarantine_reasons import EXPLANATIONS
from store import quarantine
from store.engine import reading
from store.model import Batch
from tests.contract.http.accounts import poison
from tests.contract.http.fleet import NOW_MS, agent

Keep = Callable[[Batch], object]
CLEAR = "\x1b[2J\u202e<script>alert(1)</script>"


def kept(keep: Keep) -> None:
    keep(Batch(agents=[agent()]))
    keep(
        Batch(
            quarantined=[
                poison(),
                poison(b"\xff\x00", routing_key="intruder", reason="foreign-agent-id"),
                poison(CLEAR.encode(), detail=CLEAR, headers={CLEAR: CLEAR}),
            ]
        )
    )


def numbers(client: TestClient, **asked: Any) -> list[int]:
    return [one["number"] for one in client.get("/api/v1/quarantine", params=asked).json()["items"]]


def test_the_newest_comes_first_with_why_and_what_now(client: TestClient, keep: Keep) -> None:
    kept(keep)
    listed = client.get("/api/v1/quarantine").json()["items"]
    assert [one["number"] for one in listed] == [3, 2, 1]
    assert listed[2] == {
        "number": 1,
        "received": "2027-01-15T07:59:55Z",
        "sender": "web-3",
        "message_id": "web-3/1/31",
        "reason": "not-json",
        "detail": "truncated",
        "what": EXPLANATIONS["not-json"].what,
        "why": EXPLANATIONS["not-json"].why,
        "now": EXPLANATIONS["not-json"].now,
        "sha256": "021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2ebb4097d96",
        "size_bytes": 1,
        "body_kept": True,
        "redrivable": True,
        "redrive_requested": None,
        "redriven": None,
        "url": "http://localhost:8000/quarantine/1",
    }


def test_filters_and_parts(client: TestClient, keep: Keep) -> None:
    kept(keep)
    assert numbers(client, reason="not-json") == [3, 1]
    assert numbers(client, agent="web-3.example") == [3, 1]
    assert numbers(client, agent="intruder") == [2]
    assert numbers(client, agent="nobody") == []
    first = client.get("/api/v1/quarantine?reason=not-json&limit=1")
    assert first.json()["next_cursor"] == "3"
    assert [one["number"] for one in client.get(first.links["next"]["url"]).json()["items"]] == [1]


def test_bytes_are_escaped_text_or_base64(client: TestClient, keep: Keep) -> None:
    kept(keep)
    shown = client.get("/api/v1/quarantine/3").json()
    harmless = "\\x1b[2J\\u202e<script>alert(1)</script>"
    assert shown["body"] == {
        "encoding": "text",
        "content": harmless,
        "size_bytes": len(CLEAR.encode()),
        "shown_bytes": len(CLEAR.encode()),
    }
    assert (shown["detail"], shown["headers"]) == (harmless, {harmless: harmless})
    body = client.get("/api/v1/quarantine/2").json()["body"]
    assert (body["encoding"], base64.b64decode(body["content"])) == ("base64", b"\xff\x00")
    assert client.get("/api/v1/quarantine/77").status_code == 404


def test_no_answer_holds_more_than_its_bound(client: TestClient, keep: Keep) -> None:
    keep(Batch(quarantined=[poison(b"x" * 300_000)]))
    body = client.get("/api/v1/quarantine/1").json()["body"]
    assert (body["size_bytes"], body["shown_bytes"], len(body["content"])) == (300_000, 65_536, 65_536)


def test_a_redrive_is_asked_for_once(client: TestClient, keep: Keep, engine: Engine) -> None:
    kept(keep)
    assert client.post("/api/v1/quarantine/redrive", json={"numbers": [1, 77]}).json() == {"requested": 1}
    assert client.post("/api/v1/quarantine/redrive", json={"reason": "not-json"}).json() == {"requested": 1}
    assert client.post("/api/v1/quarantine/redrive", json={"reason": "not-json"}).json() == {"requested": 0}
    with reading(engine) as connection:
        entries = quarantine.list_entries(connection, None, 10)
    assert [entry.redrive_requested_ms for entry in entries] == [NOW_MS, None, NOW_MS]
    assert client.get("/api/v1/quarantine/1").json()["redrive_requested"] == "2027-01-15T08:00:00Z"
    assert "asked for" in client.get("/quarantine").text


REFUSED: list[dict[str, Any]] = [
    {},
    {"numbers": []},
    {"numbers": [1], "reason": "not-json"},
    {"numbers": [0]},
    {"numbers": [1] * 1001},
    {"reason": ""},
]


@pytest.mark.parametrize("wish", REFUSED)
def test_a_wish_that_names_nothing_or_too_much_is_refused(client: TestClient, wish: dict[str, Any]) -> None:
    assert client.post("/api/v1/quarantine/redrive", json=wish).status_code == 422


def test_the_pages_say_what_happened_and_what_now(client: TestClient, keep: Keep) -> None:
    kept(keep)
    page = client.get("/quarantine").text
    for words in (EXPLANATIONS["not-json"].what, "3 messages", "healthmon quarantine redrive --reason not-json"):
        assert words in page
    assert EXPLANATIONS["foreign-agent-id"].what in page
    assert EXPLANATIONS["foreign-agent-id"].what not in client.get("/quarantine?reason=not-json").text
    shown = client.get("/quarantine/3").text
    assert "\\x1b[2J\\u202e&lt;script&gt;" in shown
    assert "\x1b" not in shown
    assert "healthmon quarantine redrive 3" in shown
    assert "no text: in base64" in client.get("/quarantine/2").text
    assert "Nothing here fits." in client.get("/quarantine?reason=none-such").text


@pytest.mark.parametrize("reason", ["key-reused", "identity-conflict"])
def test_no_redrive_is_proposed_where_it_would_mix_two_hosts(client: TestClient, keep: Keep, reason: str) -> None:
    keep(Batch(agents=[agent()], quarantined=[poison(reason=reason)]))
    assert client.get("/api/v1/quarantine/1").json()["redrivable"] is False
    for path in ("/quarantine", "/quarantine/1"):
        page = client.get(path).text
        assert EXPLANATIONS[reason].what in page
        assert "healthmon quarantine redrive" not in page
        assert "read again" not in page
    keep(Batch(quarantined=[poison(b"["), poison(b"{}", reason=reason)]))
    assert "healthmon quarantine redrive --reason not-json" in client.get("/quarantine").text


def test_an_empty_quarantine_and_a_long_one_are_pages_too(client: TestClient, keep: Keep) -> None:
    assert "Nothing is in quarantine." in client.get("/quarantine").text
    keep(Batch(quarantined=[poison(str(number).encode()) for number in range(101)]))
    page = client.get("/quarantine?reason=not-json").text
    assert 'href="/quarantine?reason=not-json&amp;cursor=2"' in page
    assert "Older messages" not in client.get("/quarantine?reason=not-json&cursor=2").text
