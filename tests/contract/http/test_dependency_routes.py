"""Putting hosts behind others, and that no cycle comes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store.model import Batch
from tests.contract.http.fleet import healthy

Keep = Callable[[Batch], object]


def add(client: TestClient, **wish: Any) -> Any:
    return client.post("/api/v1/dependencies", json=wish)


def test_a_dependency_is_made_listed_and_removed(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3", "gw-1"))
    wish = {"agent": "web-3.example", "parent": "gw-1", "parent_rule": "tcp", "parent_subject": "x", "reason": "uplink"}
    made = add(client, **wish)
    assert made.status_code == 201
    assert made.json() == {
        "dependency_no": 1,
        "agent_id": "web-3",
        "parent_agent_id": "gw-1",
        "parent_rule": "tcp",
        "parent_subject": "x",
        "reason": "uplink",
        "author": "local",
        "created": "2027-01-15T08:00:00Z",
    }
    assert add(client, **wish).json() == made.json()
    assert client.get("/api/v1/dependencies").json()["items"] == [made.json()]
    assert client.delete("/api/v1/dependencies/1").json() == made.json()
    assert client.delete("/api/v1/dependencies/1").status_code == 404
    assert client.get("/api/v1/dependencies").json()["items"] == []


def test_a_cycle_is_refused_and_named(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3", "gw-1", "core"))
    for child, parent in (("web-3", "gw-1"), ("gw-1", "core")):
        assert add(client, agent=child, parent=parent).status_code == 201
    refused = add(client, agent="core", parent="web-3")
    assert (refused.status_code, refused.json()["cycle"]) == (409, ["core", "web-3", "gw-1", "core"])
    assert "core.example behind web-3.example behind gw-1.example behind core.example" in refused.json()["detail"]
    assert add(client, agent="core", parent="core").status_code == 409


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"agent": "web-3"}, 422),
        ({"agent": "web-3", "parent": ""}, 422),
        ({"agent": "web-3", "parent": "web-4", "parent_subject": "x"}, 422),
        ({"agent": "web-3", "parent": "nobody"}, 404),
        ({"agent": "nobody", "parent": "web-3"}, 404),
    ],
)
def test_what_cannot_be_is_refused(client: TestClient, keep: Keep, wish: dict[str, str], status: int) -> None:
    keep(healthy("web-3", "web-4"))
    assert add(client, **wish).status_code == status
