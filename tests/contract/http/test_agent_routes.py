"""Agents, their metrics and what their hosts are."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from health.state import State
from store.model import Batch
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, greeted, healthy, silent, snapshot, troubled

Keep = Callable[[Batch], object]


def test_an_agent_shows_its_state_and_everything_about_its_connection(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    assert client.get("/api/v1/agents/web-3").json() == {
        "agent_id": "web-3",
        "host_name": "web-3.example",
        "state": "critical",
        "sentence": "Critical for 12 min: disk /var is 96.4 % full, limit 95 %",
        "behind": "",
        "retired": False,
        "connected": True,
        "streaming_active": True,
        "has_system_info": True,
        "has_metrics": True,
        "first_seen": "2027-01-15T07:00:00Z",
        "last_seen": "2027-01-15T07:59:59Z",
        "last_update": "2027-01-15T07:59:59Z",
        "scope": "host",
        "version": "0.1.0",
        "interval_seconds": 5.0,
        "collectors": [],
        "switched_off": {},
        "group": "",
        "labels": {},
        "own_state": "critical",
        "clock_offset_seconds": None,
        "errors": {},
        "url": "http://localhost:8000/h/web-3",
    }


def test_an_agent_is_listed_from_its_hello_on_and_is_not_green(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[greeted()]))
    [listed] = client.get("/api/v1/agents").json()["items"]
    assert (listed["state"], listed["connected"], listed["streaming_active"]) == ("waiting", True, False)
    assert (listed["has_system_info"], listed["has_metrics"], listed["last_update"]) == (False, False, None)


def test_a_silent_agent_is_stale_and_says_for_how_long(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[silent()]))
    shown = client.get("/api/v1/agents/web-3").json()
    assert (shown["state"], shown["connected"], shown["streaming_active"]) == ("stale", False, False)
    assert shown["sentence"].startswith("No data for 4 min.")


def test_an_agent_that_is_heard_but_sends_no_fresh_metrics_is_stale(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[silent(last_seen_ms=NOW_MS - 1_000)]))
    shown = client.get("/api/v1/agents/web-3").json()
    assert (shown["state"], shown["connected"], shown["streaming_active"]) == ("stale", True, False)
    assert shown["sentence"].startswith("No data for 4 min, though its agent is heard.")


def test_data_from_before_the_clock_was_set_back_is_not_fresh(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[agent(last_seen_ms=NOW_MS + 7_200_000, snapshot_received_ms=NOW_MS + 7_200_000)]))
    shown = client.get("/api/v1/agents/web-3").json()
    assert (shown["state"], shown["connected"], shown["streaming_active"]) == ("stale", False, False)
    assert "2 h ahead" in shown["sentence"]


def test_what_was_not_measured_is_said_in_place_of_all_is_well(client: TestClient, keep: Keep) -> None:
    errors = {"disk": "no answer within 2 s", 'disk{mount="/mnt"}': "no answer", "network": "x" * 500, "cpu": "?"}
    lacking = [snapshot("one", errors={"disk": "no answer within 2 s"}), snapshot("many", errors=errors)]
    keep(healthy("fine"))
    keep(Batch(agents=[agent("one"), agent("many")], snapshots=lacking))
    listed = {one["agent_id"]: one for one in client.get("/api/v1/agents").json()["items"]}
    assert listed["fine"]["sentence"] == "All checks are within their limits."
    assert listed["one"]["sentence"] == "Not measured: disk (no answer within 2 s)."
    assert client.get("/api/v1/agents/one").json()["sentence"] == listed["one"]["sentence"]
    assert listed["many"]["sentence"].startswith("Not measured: cpu (?), disk (no answer within 2 s), disk /mnt (no ")
    assert listed["many"]["sentence"].endswith(" and 1 more.")


def test_only_what_the_newest_snapshot_lacks_is_said(client: TestClient, keep: Keep) -> None:
    older = snapshot(seq=1, wall_ms=NOW_MS - 7_000, errors={"disk": "no answer within 2 s"})
    keep(Batch(agents=[agent()], snapshots=[older, snapshot()]))
    assert client.get("/api/v1/agents/web-3").json()["sentence"] == "All checks are within their limits."


def test_the_most_urgent_and_then_oldest_open_incident_is_the_sentence(client: TestClient, keep: Keep) -> None:
    mild = change(subject="a", severity=State.WARNING, sentence="mild")
    older, newer = change(subject="b", sentence="older"), change(subject="c", sentence="newer")
    keep(Batch(agents=[agent(), agent("other")], incidents=[mild, older, newer, change("other", sentence="other")]))
    listed = {one["agent_id"]: one["sentence"] for one in client.get("/api/v1/agents").json()["items"]}
    assert listed == {"web-3": "Critical for 12 min: older", "other": "Critical for 12 min: other"}
    assert client.get("/api/v1/agents/web-3").json()["sentence"] == listed["web-3"]


def test_a_stopped_agent_says_that_it_was_stopped(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent(goodbye_ms=NOW_MS - 2_000, goodbye_reason="upgrade")]))
    shown = client.get("/api/v1/agents/web-3").json()
    assert shown["state"] == "stale"
    assert "stopped 2 s ago (upgrade)" in shown["sentence"]


def test_pages_of_the_list_join_without_gap_or_overlap(client: TestClient, keep: Keep) -> None:
    ids = [f"host-{number}" for number in range(5)]
    keep(healthy(*ids))
    found, url = [], "/api/v1/agents?limit=2"
    while url:
        answer = client.get(url)
        assert len(answer.json()["items"]) <= 2
        found += [one["agent_id"] for one in answer.json()["items"]]
        url = answer.links["next"]["url"] if "next" in answer.links else ""
        assert bool(url) == (answer.json()["next_cursor"] is not None)
    assert found == ids


def test_a_host_name_finds_its_agent(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    assert client.get("/api/v1/agents/web-3.example").json()["agent_id"] == "web-3"


def test_a_host_name_of_two_agents_is_a_conflict_that_names_their_ids(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent("a", host_name="twin"), agent("b", host_name="twin")]))
    answer = client.get("/api/v1/agents/twin")
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/ambiguous-name"
    assert "a, b" in answer.json()["detail"]


def test_an_unknown_agent_is_answered_with_the_nearest_names(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    answer = client.get("/api/v1/agents/web-4.example/metrics")
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/unknown-agent"
    assert answer.json()["nearest"] == [{"name": "web-3.example", "href": "/h/web-3"}]


def test_the_newest_readings_come_with_their_age_and_what_failed(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent()], snapshots=[snapshot(errors={"network": "timed out"})]))
    metrics = client.get("/api/v1/agents/web-3/metrics").json()
    assert metrics["readings"]['disk.usage_percent{mount="/var"}'] == 96.4
    assert (metrics["time"], metrics["age_seconds"], metrics["seq"]) == ("2027-01-15T07:59:58Z", 1.0, 2)
    assert metrics["errors"] == {"network": "timed out"}


def test_an_agent_without_snapshot_has_no_metrics_and_no_system(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[greeted()]))
    for what in ("metrics", "system"):
        answer = client.get(f"/api/v1/agents/new-1/{what}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_snapshot_that_is_kept_no_longer_is_told_from_one_that_never_came(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[silent("old-1"), greeted()]))
    assert "older than is kept" in client.get("/api/v1/agents/old-1/metrics").json()["detail"]
    assert "within one interval" in client.get("/api/v1/agents/new-1/metrics").json()["detail"]


def test_a_wall_clock_beyond_all_calendars_is_answered(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent(snapshot_ms=2**52)], snapshots=[snapshot(wall_ms=2**52)]))
    assert client.get("/api/v1/agents/web-3/metrics").json()["time"].startswith("9999-12-31T23:59:59")


def test_history_keeps_a_short_peak_and_leaves_gaps(client: TestClient, keep: Keep) -> None:
    values = {0: 10.0, 5: 90.0, 10: 20.0, 60: 30.0}
    keep(
        Batch(
            agents=[agent()],
            snapshots=[
                snapshot(
                    wall_ms=NOW_MS - 100_000 + second * 1000, seq=second + 1, readings={"cpu.usage_percent": value}
                )
                for second, value in values.items()
            ],
        )
    )
    history = client.get(
        "/api/v1/agents/web-3/metrics/history",
        params={
            "metrics": "cpu.usage_percent",
            "start": "2027-01-15T07:58:20Z",
            "end": "2027-01-15T08:58:20+01:00",  # the same zone is not needed
            "max_points": 4,
        },
    )
    assert history.status_code == 422  # that end lies before the start
    history = client.get(
        "/api/v1/agents/web-3/metrics/history",
        params={
            "metrics": "cpu.usage_percent",
            "start": "2027-01-15T07:58:20Z",
            "end": "2027-01-15T09:00:20+01:00",
            "max_points": 4,
        },
    ).json()
    assert history["resolution_seconds"] == 30
    first, second = history["series"]["cpu.usage_percent"]
    assert first == {"time": "2027-01-15T07:58:20Z", "min": 10, "avg": 40, "max": 90, "count": 3}
    assert (second["time"], second["count"]) == ("2027-01-15T07:59:20Z", 1)


def test_history_without_times_is_the_last_hour(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    history = client.get("/api/v1/agents/web-3/metrics/history?metrics=disk.usage_percent").json()
    assert set(history["series"]) == {'disk.usage_percent{mount="/"}', 'disk.usage_percent{mount="/var"}'}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "metrics=",
        "metrics=a&max_points=2001",
        "metrics=a&max_points=0",
        "metrics=a&start=yesterday",
        "metrics=a&start=2027-01-15T07:58:20",
        "metrics=a&start=2020-01-15T07:58:20Z",
        "metrics=a&start=0001-01-01T00:00:00Z&end=0001-01-01T01:00:00Z",
        "&".join("metrics=a" for _ in range(21)),
    ],
)
def test_a_history_that_cannot_be_asked_is_refused_with_reasons(client: TestClient, keep: Keep, query: str) -> None:
    keep(healthy("web-3"))
    answer = client.get(f"/api/v1/agents/web-3/metrics/history?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


def test_system_information_is_what_the_agent_told(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    system = client.get("/api/v1/agents/web-3/system").json()
    assert system["agent_id"] == "web-3"
    assert system["system"]["processor"] == {"model": "Example CPU", "logical_cores": 8}
