"""Evidence and punctuality over HTTP, and the pages that show what people do and know, hostile words included."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from health.state import State
from store.model import HUB, Batch, Change, CheckKey, KeptRecord
from tests.contract.http.accounts import LOSSES, account
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, silent, snapshot, troubled
from tests.contract.http.test_notice_routes import write
from tests.contract.http.test_pages import HOSTILE, read

Keep = Callable[[Batch], object]
OPENED_MS = NOW_MS - 720_000


def told(kind: str, words: str = "du", seq: int = 7) -> KeptRecord:
    check = {"rule": "disk-usage", "subject": 'mount="/var"', "state": "critical"}
    box: dict[str, Any] = {
        "names": ['disk.usage_percent{mount="/var"}', words],
        "samples": [[120.0, 10.0, 1.0], [60.0, None, 1.0], [0.0, 96.4, 2.5]],
        "processes": [{"process_id": 7, "name": words, "cpu_percent": 98.5, "memory_bytes": 2**20}],
    }
    done = {"name": words, "attempt": 1, "outcome": "failed", "exit_code": 3, "output": words, "duration_seconds": 1}
    raw = json.dumps(check | (box if kind == "evidence" else done)).encode()
    return KeptRecord(agent_id="web-3", epoch=1, seq=seq, kind=kind, wall_ms=OPENED_MS, received_ms=OPENED_MS, raw=raw)


def test_evidence_comes_with_its_incident(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    assert client.get("/api/v1/incidents/1/evidence").json() == {
        "black_boxes": [],
        "check_outputs": [],
        "actions": [],
    }
    keep(Batch(records=[told("evidence"), told("action", seq=8)]))
    found = client.get("/api/v1/incidents/1/evidence").json()
    assert found["black_boxes"][0]["samples"][1] == [60.0, None, 1.0]
    assert found["black_boxes"][0]["processes"][0]["name"] == "du"
    assert (found["actions"][0]["outcome"], found["actions"][0]["exit_code"]) == ("failed", 3)
    assert client.get("/api/v1/incidents/77/evidence").status_code == 404


def test_the_page_shows_values_before_and_at_the_opening(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(Batch(records=[told("evidence"), told("action", seq=8)]))
    page = read(client, "/i/1")
    for words in ("10.0 %", "96.4 %", "1.00 MiB", "98.5 %", "attempt 1", "failed, exit code 3"):
        assert words in page.words
    assert ("points", "0.0,23.0 160.0,1.0") in page.attributes
    assert page.tags.count("polyline") == 2


@pytest.mark.parametrize("offset_ms", [3_600_000, -3_600_000])
def test_a_host_whose_clock_is_off_keeps_its_evidence(client: TestClient, keep: Keep, offset_ms: int) -> None:
    keep(troubled())
    keep(Batch(agents=[agent(clock_offset_ms=offset_ms)]))
    clock_ms = OPENED_MS - offset_ms
    records = (told("evidence"), told("action", seq=8))
    keep(Batch(records=[replace(record, wall_ms=clock_ms) for record in records]))
    found = client.get("/api/v1/incidents/1/evidence").json()
    assert [one["time"] for one in (*found["black_boxes"], *found["actions"])] == ["2027-01-15T07:48:00Z"] * 2
    assert "96.4 %" in read(client, "/i/1").words


@pytest.mark.parametrize("offset_ms", [3_600_000, -3_600_000])
def test_so_do_its_stored_snapshots(client: TestClient, keep: Keep, offset_ms: int) -> None:
    keep(troubled())
    reading = {'disk.usage_percent{mount="/var"}': 82.0}
    keep(Batch(agents=[agent(clock_offset_ms=offset_ms)]))
    keep(Batch(snapshots=[snapshot(wall_ms=OPENED_MS - 5_000 - offset_ms, seq=90, readings=reading)]))
    assert "82.0 %" in read(client, "/i/1").words


def test_what_a_check_wrote_comes_with_its_incident(client: TestClient, keep: Keep) -> None:
    result = {"name": "app log", "state": "warning", "output": "1 new line matched\nERROR <b>sda1</b>\x1b"}
    taken = snapshot(wall_ms=OPENED_MS + 500, seq=1)
    key, line = CheckKey("web-3", "check", 'check="app log"'), "app log: 1 new line matched"
    moved = change(key=key, severity=State.WARNING, sentence=line)
    told = replace(taken, extra=json.dumps({"checks": [result]}).encode())
    keep(Batch(agents=[agent()], snapshots=[told], incidents=[moved]))
    [found] = client.get("/api/v1/incidents/1/evidence").json()["check_outputs"]
    assert found == {"time": "2027-01-15T07:48:00Z", "state": "warning", "output": result["output"]}
    page = read(client, "/i/1")
    assert "What the check wrote at 07:48:00 UTC" in page.words
    assert "ERROR <b>sda1</b>\\x1b" in page.words
    assert "Limit" not in page.words, "the numbers of a check stand for states"


def test_a_closed_incident_says_how_long_it_was_and_what_can_still_be_done(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    assert "healthmon ack i/1" in read(client, "/i/1").words
    keep(Batch(incidents=[change(change=Change.CLOSED, at_ms=NOW_MS - 60_000, seq=2)]))
    words = read(client, "/i/1").words
    assert "from 07:48:00 to 07:59:00 UTC (11 min)" in words
    assert "healthmon ack i/1" not in words
    assert "healthmon note i/1" in words


def test_the_host_page_shows_each_incidents_state_the_worst_first(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(troubled())
    keep(Batch(incidents=[change(subject='mount="/"', severity=State.WARNING, sentence="another one")]))
    client.post("/api/v1/mutes", json={"incident": 2, "reason": "new disks", "for_seconds": 60})
    words = " ".join(read(client, "/h/web-3").words.split("What is wrong")[1].split())
    assert words.startswith("Critical disk /var is 96.4 % full, limit 95 % since 07:48:00 (12 min)")
    assert "Warning another one since 07:48:00 (12 min) (Muted until 08:01 UTC (new disks, by local))" in words


def test_without_a_black_box_the_stored_snapshots_tell(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    before = [
        snapshot(
            wall_ms=OPENED_MS - 5_000 * back, seq=100 - back, readings={'disk.usage_percent{mount="/var"}': 80.0 + back}
        )
        for back in range(3)
    ]
    keep(Batch(snapshots=before))
    page = read(client, "/i/1")
    assert "82.0 %" in page.words
    assert "polyline" in page.tags


def test_the_page_shows_who_did_what_and_what_was_sent(client: TestClient, keep: Keep, engine: Engine) -> None:
    keep(troubled())
    write(engine, why="no answer")
    client.post("/api/v1/incidents/1/acknowledge", json={"note": "on my way"})
    client.post("/api/v1/mutes", json={"incident": 1, "reason": "new disks", "for_seconds": 60})
    page = read(client, "/i/1")
    for words in (
        "Acknowledged by local",
        "acknowledged by local: on my way",
        "muted by local: new disks",
        "problem to ops-mail: waiting (no answer)",
        "Muted until 08:01 UTC (new disks, by local).",
        "Lift the mute 1",
    ):
        assert words in page.words
    assert {value for name, value in page.attributes if name == "action"} == {
        "/i/1/unacknowledge",
        "/i/1/unmute/1",
        "/i/1/notes",
    }


def test_what_is_of_the_hub_stands_first_and_names_no_host(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(troubled())
    flow = change(key=CheckKey(HUB, "flow", ""), sentence="nothing is stored", at_ms=NOW_MS - 1_000, remedies=())
    group = change(key=CheckKey(HUB, "fleet-cpu", 'group="web"'), sentence="half of web is hot", at_ms=NOW_MS)
    network = change(key=CheckKey(HUB, "group-silent", 'network="192.0.2.0/24"'), sentence="an uplink", at_ms=NOW_MS)
    keep(Batch(incidents=[flow, group, network]))
    words = read(client, "/").words
    assert "NEEDS YOU (4)" in words
    assert "network 192.0.2.0/24" in words
    assert words.index("the pipeline") < words.index("group web") < words.index("disk /var is")
    assert "the pipeline" in read(client, "/i/2").words
    assert "group web" in read(client, "/i/3").words
    assert "hub" not in words


def test_a_silence_that_has_its_incident_is_told_once(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[silent()]))
    assert "NEEDS YOU (1)" in read(client, "/").words
    keep(Batch(incidents=[change(key=CheckKey("web-3", "agent-silent", ""), sentence="its cable is out")]))
    words = read(client, "/").words
    assert "NEEDS YOU (1)" in words
    assert "its cable is out" in words
    client.post("/api/v1/incidents/1/acknowledge")
    assert "NEEDS YOU" not in read(client, "/").words


def test_a_family_is_one_row(client: TestClient, keep: Keep) -> None:
    hosts = [f"web-{number}" for number in range(20)]
    keep(FLOWING)
    keep(Batch(agents=[agent(host) for host in hosts], incidents=[change(host) for host in hosts]))
    page = read(client, "/")
    assert "NEEDS YOU (1)" in page.words
    assert "20 hosts" in page.words
    assert "disk-usage on 20 hosts" in page.words
    assert "and 8 more" in page.words
    assert ("href", "/i/12") in page.attributes


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_people_or_hosts_write_becomes_markup(
    client: TestClient, keep: Keep, engine: Engine, hostile: str
) -> None:
    hosts = ["web-3", "web-4", "web-5"]
    agents = [agent(host, host_name=hostile, group_name=hostile) for host in hosts]
    keep(Batch(agents=agents, incidents=[change(host, sentence=hostile) for host in hosts]))
    keep(Batch(incidents=[change(key=CheckKey(HUB, hostile, f'group="{hostile}"'), sentence=hostile, title=hostile)]))
    keep(Batch(records=[told("evidence", hostile), told("action", hostile, seq=8)]))
    client.post("/api/v1/incidents/1/acknowledge", json={"note": hostile})
    client.post("/api/v1/incidents/1/notes", json={"note": hostile})
    client.post("/api/v1/mutes", json={"incident": 1, "reason": hostile, "for_seconds": 60})
    client.post("/api/v1/mutes", json={"agent": "web-4", "reason": hostile, "for_seconds": 60})
    write(engine, dead_ms=NOW_MS, why=hostile, channel=hostile, payload={"sentence": hostile})
    write(engine, why=hostile, channel=hostile)
    for path in ("/", "/i/1", "/i/2", "/i/4", "/h/web-3", "/h/web-4", "/notices"):
        page = read(client, path)
        assert not {"script", "img"} & set(page.tags)
        assert page.tags.count("h1") == 1
        assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
        assert not [
            value
            for name, value in page.attributes
            if name in ("href", "src", "action") and not value.startswith(("/", "#"))
        ]
        if hostile.isprintable():
            assert hostile in page.words, path


def test_punctuality_over_the_last_hours(client: TestClient, keep: Keep) -> None:
    keep(
        Batch(
            agents=[agent(first_seen_ms=NOW_MS - 60_000)],
            snapshots=[snapshot(wall_ms=NOW_MS - 2_000 - 5_000 * back, seq=100 - back) for back in range(12)],
        )
    )
    found = client.get("/api/v1/agents/web-3/punctuality").json()
    assert (found["due"], found["in_time"], found["ratio"], found["hours"]) == (12, 12, 1.0, 1.0)
    assert (found["snapshots"], found["longest_pause_seconds"], found["interval_seconds"]) == (12, 5.0, 5.0)
    assert 'healthmon_agent_punctual_ratio{agent="web-3"} 1.0' in client.get("/metrics").text
    for hours in ("0", "25", "nan", "x"):
        assert client.get(f"/api/v1/agents/web-3/punctuality?hours={hours}").status_code == 422
    assert client.get("/api/v1/agents/nobody/punctuality").status_code == 404


def test_of_many_incidents_the_host_page_shows_the_most_urgent(client: TestClient, keep: Keep) -> None:
    oldest = change(key=CheckKey("web-3", "cpu", ""), sentence="the cpu burns")
    later = [
        change(key=CheckKey("web-3", f"rule-{place}", ""), severity=State.WARNING, sentence=f"warning {place}.")
        for place in range(60)
    ]
    keep(Batch(agents=[agent()], incidents=[oldest, *later]))
    words = read(client, "/h/web-3").words.split("What is wrong")[1]
    assert "the cpu burns" in words
    assert "warning 59." in words
    assert "warning 0." not in words


def test_no_word_of_hosts_or_people_hides_or_turns_others(client: TestClient, keep: Keep) -> None:
    evil = "a\x1b]0;x\x07\u202eb\x9b"
    disk = f'disk.usage_percent{{mount="{evil}"}}'
    host = agent(host_name=f"h{evil}", agent_version=evil, group_name=evil, labels={evil: evil})
    keep(Batch(agents=[host], snapshots=[snapshot(readings={disk: 1.0, evil: 2.0}, errors={evil: evil})]))
    keep(Batch(incidents=[change(sentence=evil, title=evil)]))
    keep(Batch(records=[told("evidence", evil), told("action", evil, seq=8)]))
    keep(Batch(accounts=account("web-3", 100, *LOSSES)))
    client.post("/api/v1/incidents/1/acknowledge", json={"note": evil})
    client.post("/api/v1/mutes", json={"incident": 1, "reason": evil, "for_seconds": 60})
    for path in ("/", "/h/web-3", "/i/1", "/delivery", "/mutes"):
        page = client.get(path)
        assert page.status_code == 200
        assert [sign for sign in page.text if not sign.isprintable() and sign != "\n"] == [], path
        assert "\\u202e" in page.text, path
