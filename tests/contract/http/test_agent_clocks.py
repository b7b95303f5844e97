"""A clock that is off is shown, and the times of readings are corrected for it."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from store.model import Batch
from tests.contract.http.fleet import NOW_MS, agent, snapshot

Keep = Callable[[Batch], object]


def kept(keep: Keep, offset_ms: int | None) -> None:
    """A host that took a snapshot 2 s ago, by a clock that is `offset_ms` behind the server's."""
    wall_ms = NOW_MS - 2_000 - (offset_ms or 0)
    keep(
        Batch(
            agents=[agent(snapshot_ms=wall_ms, clock_offset_ms=offset_ms)],
            snapshots=[snapshot(wall_ms=wall_ms)],
        )
    )


@pytest.mark.parametrize("offset_ms", [240_000, -240_000])
def test_times_are_the_servers(client: TestClient, keep: Keep, offset_ms: int) -> None:
    kept(keep, offset_ms)
    assert client.get("/api/v1/agents/web-3").json()["clock_offset_seconds"] == offset_ms / 1000
    assert client.get("/api/v1/agents/web-3/metrics").json()["time"] == "2027-01-15T07:59:58Z"
    asked = {"metrics": "cpu.usage_percent", "start": "2027-01-15T07:59:57Z", "end": "2027-01-15T07:59:59Z"}
    series = client.get("/api/v1/agents/web-3/metrics/history", params=asked).json()["series"]
    assert [point["time"] for point in series["cpu.usage_percent"]] == ["2027-01-15T07:59:58Z"]


def test_the_host_page_says_which_way(client: TestClient, keep: Keep) -> None:
    kept(keep, 240_000)
    assert "Its clock is 4 min behind; times are corrected." in client.get("/h/web-3").text
    kept(keep, -240_000)
    assert "Its clock is 4 min ahead; times are corrected." in client.get("/h/web-3").text


@pytest.mark.parametrize("offset_ms", [None, 0, 1_999, -1_999])
def test_what_the_road_itself_takes_is_no_skew(client: TestClient, keep: Keep, offset_ms: int | None) -> None:
    kept(keep, offset_ms)
    assert "Its clock" not in client.get("/h/web-3").text
    answer = client.get("/api/v1/agents/web-3/metrics").json()
    assert answer["time"] in ("2027-01-15T07:59:58Z", "2027-01-15T07:59:56.001Z", "2027-01-15T07:59:59.999Z")
