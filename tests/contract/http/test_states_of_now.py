"""What is shown is how things are now: since when a severity holds, the newest value, what is not measured."""

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from health.machine import Reason
from health.state import State
from store.model import Batch, Change, IncidentChange
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, healthy, snapshot
from tests.contract.http.test_pages import read

Keep = Callable[[Batch], object]
BLIND = "Not measured: disk (no answer within 2 s)."


def warned(**changes: Any) -> IncidentChange:
    """A warning since three hours."""
    fields: dict[str, Any] = {
        "severity": State.WARNING,
        "value": 91.0,
        "sentence": "disk /var is 91.0 % full, limit 90 %",
        "at_ms": NOW_MS - 3 * 3_600_000,
        "reason": Reason.CONFIRMED,
    }
    return change(**(fields | changes))


def worsened(**changes: Any) -> IncidentChange:
    """Critical since a minute."""
    fields: dict[str, Any] = {"change": Change.WORSENED, "at_ms": NOW_MS - 60_000, "seq": 9, "remedies": ()}
    return change(**(fields | changes))


def test_a_severity_counts_from_when_it_began(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[agent()], snapshots=[snapshot()], incidents=[warned(), worsened()]))
    said = "Critical for 1 min: disk /var is 96.4 % full, limit 95 %"
    assert client.get("/api/v1/agents/web-3").json()["sentence"] == said
    for path in ("/", "/h/web-3"):
        assert "(1 min)" in read(client, path).words
        assert "(3 h)" not in read(client, path).words
    assert said in read(client, "/h/web-3").words
    assert client.post("/api/v1/incidents/1/acknowledge", json={}).status_code < 300
    shown = client.get("/api/v1/incidents/1").json()
    assert (shown["opened"], shown["severity_since"]) == ("2027-01-15T05:00:00Z", "2027-01-15T07:59:00Z")
    assert client.get("/api/v1/incidents").json()["items"][0]["severity_since"] == shown["severity_since"]
    page = read(client, "/i/1").words
    assert "open since 05:00:00 (3 h), critical since 07:59:00 (1 min)" in page


def test_a_severity_that_comes_back_counts_anew_and_one_that_never_changed_from_the_opening(
    client: TestClient, keep: Keep
) -> None:
    eased = worsened(change=Change.EASED, severity=State.WARNING, at_ms=NOW_MS - 30_000, seq=10)
    other = warned(subject="", seq=11)
    keep(Batch(agents=[agent()], incidents=[warned(), worsened(), eased, other]))
    keep(Batch(incidents=[change(change=Change.CLOSED, severity=State.OK, subject="", seq=12)]))
    assert client.post("/api/v1/incidents/2/notes", json={"note": "it is over"}).status_code < 300
    listed = client.get("/api/v1/incidents?state=all").json()["items"]
    since = {one["number"]: one["severity_since"] for one in listed}
    assert since == {1: "2027-01-15T07:59:30Z", 2: "2027-01-15T05:00:00Z"}
    assert "warning since" in read(client, "/i/1").words


def test_the_value_of_now_stands_beside_the_one_at_the_opening(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent()], incidents=[warned()]))
    assert "at the opening" not in read(client, "/i/1").words
    newer = warned(change=Change.RESTATED, value=94.8, sentence="disk /var is 94.8 % full, limit 90 %", seq=9)
    keep(Batch(incidents=[newer]))
    page = read(client, "/i/1").words
    assert "94.8 % (at the opening 91.0 %)" in page
    assert "disk /var is 94.8 % full, limit 90 %" in page
    shown = client.get("/api/v1/incidents/1").json()
    assert (shown["sentence"], shown["value"]) == ("disk /var is 94.8 % full, limit 90 %", 94.8)
    [opened] = shown["timeline"]
    assert (opened["sentence"], opened["value"]) == ("disk /var is 91.0 % full, limit 90 %", 91.0)
    assert (opened["severity"], opened["reason"]) == ("warning", "confirmed")


def test_a_host_that_is_not_measured_as_rules_ask_is_green_nowhere(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(healthy("fine"))
    lacking = snapshot(errors={"disk": "no answer within 2 s"})
    keep(Batch(agents=[agent(is_blind=True, group_name="web")], snapshots=[lacking]))
    assert client.get("/api/v1/agents/web-3").json()["state"] == "unknown"
    assert client.get("/api/v1/agents/web-3").json()["sentence"] == BLIND
    [_, listed] = client.get("/api/v1/agents").json()["items"]
    assert (listed["state"], listed["sentence"]) == ("unknown", BLIND)
    [group] = client.get("/api/v1/groups").json()["items"]
    assert group["state"] == "unknown"
    found = {
        sample.labels["state"]: sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "healthmon_agents"
    }
    assert (found["ok"], found["unknown"]) == (1, 1)


def test_the_pages_say_of_such_a_host_that_it_is_unknown_and_why(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    lacking = snapshot(errors={"disk": "no answer within 2 s"})
    keep(Batch(agents=[agent(is_blind=True)], snapshots=[lacking]))
    front, host = read(client, "/"), read(client, "/h/web-3")
    for page in (front, host):
        assert ("class", "chip unknown") in page.attributes
        assert ("class", "chip ok") not in page.attributes
    assert "OK" not in front.words
    assert "1 host not measured in full." in front.words
    assert BLIND in host.words
    keep(Batch(agents=[agent(is_blind=True)], snapshots=[lacking], incidents=[change()]))
    assert client.get("/api/v1/agents/web-3").json()["state"] == "critical"


def test_that_it_is_unknown_outlives_the_snapshot_that_says_why(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent(is_blind=True)]))
    shown = client.get("/api/v1/agents/web-3").json()
    assert (shown["state"], shown["sentence"]) == ("unknown", "Not all is measured that rules read.")
