"""The pages say what is wrong and what to do, and nothing a host tells becomes markup."""

import html.parser
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from health.state import State
from store.model import Batch, Change, Quarantined
from store.record_account import GapState
from tests.contract.http.accounts import LOSSES, account, accounted, gap, poison
from tests.contract.http.fleet import (
    FLOWING,
    NOW_MS,
    REMEDY,
    agent,
    change,
    greeted,
    healthy,
    silent,
    snapshot,
    troubled,
)

Keep = Callable[[Batch], object]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "{% include 'fleet.html' %}",
    "&lt;script&gt;",
    "\u202egnp.exe\u0000",
    "--><script>alert(1)</script>",
]


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its tags, its attributes, its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def read(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200
    return Page(answer.text)


def test_the_fleet_says_at_once_what_is_wrong_and_what_to_do(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(troubled())
    keep(Batch(agents=[silent("job-7")]))
    page = read(client, "/")
    assert "(2) Fleet" in page.words
    assert "NEEDS YOU (2)" in page.words
    assert "disk /var is 96.4 % full, limit 95 %" in page.words
    assert "Find the largest folders." in page.words
    assert "du -xh /var | sort -h | tail" in page.words
    assert ("href", "/i/1#fix-1") in page.attributes
    assert "No data for 4 min" in page.words
    assert page.words.index("disk /var") < page.words.index("No data for 4 min")
    assert "96.4 % /var" in page.words
    assert ("http-equiv", "refresh") in page.attributes


def test_a_healthy_fleet_is_one_quiet_line(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(healthy("web-1", "web-2"))
    page = read(client, "/")
    assert "All 2 hosts OK." in page.words
    assert "NEEDS YOU" not in page.words
    assert ("class", "banner") not in page.attributes


def test_one_healthy_host_is_not_called_all(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(healthy("web-1"))
    assert "1 host OK." in read(client, "/").words
    assert "All" not in read(client, "/").words


def test_an_empty_fleet_says_how_a_host_comes_in(client: TestClient) -> None:
    page = read(client, "/")
    assert "No host reports yet" in page.words
    assert "healthmon-agent run" in page.words


def test_old_flow_is_said_above_everything(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-1"))
    keep(Batch(canary_sent_ms=NOW_MS - 95_000, received_ms=NOW_MS - 94_000))
    assert "Nothing was stored for 1 min" in read(client, "/").words


def test_waiting_is_not_green_and_zero_is_not_missing(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[greeted()]))
    page = read(client, "/")
    assert "1 host waiting for the first report." in page.words
    assert ("class", "chip ok") not in page.attributes
    assert page.words.count("not reported") == 4
    keep(Batch(agents=[agent("idle")], snapshots=[snapshot("idle", readings={"cpu.usage_percent": 0.0})]))
    assert "0.0 %" in read(client, "/").words


def test_a_large_fleet_comes_in_pages_with_trouble_first(client: TestClient, keep: Keep) -> None:
    keep(healthy(*(f"host-{number:03}" for number in range(120))))
    keep(FLOWING)
    keep(Batch(agents=[silent("zzz")]))
    first, second = read(client, "/"), read(client, "/?page=2")
    assert first.words.count(".example") + second.words.count(".example") == 121 + 2  # zzz is in both lists of needs
    assert first.words.index("zzz.example") < first.words.index("host-000")
    assert ("href", "/?page=2") in first.attributes
    assert ("href", "/?page=3") not in second.attributes


def test_an_incident_shows_its_fix_verbatim_with_why_and_how_to_verify(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    page = read(client, "/i/1")
    assert ("id", "fix-1") in page.attributes
    for words in (
        "disk /var is 96.4 % full, limit 95 %",
        "du -xh /var | sort -h | tail",
        "the check disk-usage is critical for /var",
        "df -h /var",
        "exact match",
        "opened",
    ):
        assert words in page.words


def test_an_incident_of_a_silent_host_says_that_its_values_are_old(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(FLOWING)
    keep(Batch(agents=[silent()]))
    assert "No data for 4 min" in read(client, "/i/1").words


def test_a_closed_incident_says_so_and_one_without_remedy_says_what_now(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(Batch(incidents=[change(change=Change.CLOSED, severity=State.OK, seq=2)]))
    keep(Batch(incidents=[change(subject="", remedies=(), seq=3)]))
    assert "Closed" in read(client, "/i/1").words
    assert "healthmon explain" in read(client, "/i/2").words


def test_a_host_shows_readings_with_units_and_its_system(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    page = read(client, "/h/web-3.example")
    for words in ("96.4 %", "/var", "Debian GNU/Linux 12", "16.0 GiB", "sda 1.00 TiB", "eth0 192.0.2.7"):
        assert words in page.words
    assert ("href", "/i/1#fix-1") in page.attributes


def test_a_host_that_is_measured_in_part_is_marked(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(healthy("web-1"))
    errors = {"disk": "no answer within 2 s", 'disk{mount="/mnt"}': "no answer"}
    keep(Batch(agents=[agent()], snapshots=[snapshot(errors=errors)]))
    fleet, host = read(client, "/"), read(client, "/h/web-3")
    assert "Not measured: disk" in fleet.words
    assert fleet.attributes.count(("class", "chip warning")) == 1
    assert "1 host not measured in full." in fleet.words
    assert fleet.words.index("web-3.example") < fleet.words.index("web-1.example")
    assert "Not measured: disk (no answer within 2 s), disk /mnt (no answer)." in host.words
    assert "All checks are within their limits." not in host.words
    assert "Not measured" not in read(client, "/h/web-1").words


def test_a_fix_is_promised_only_where_there_is_one(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent()], snapshots=[snapshot()], incidents=[change(remedies=())]))
    for path in ("/", "/h/web-3"):
        page = read(client, path)
        assert ("href", "/i/1") in page.attributes
        assert ("href", "/i/1#fix-1") not in page.attributes
        assert "See " not in page.words


def test_a_host_is_as_bad_as_its_worst_incident_however_old(client: TestClient, keep: Keep) -> None:
    mild = [change(subject=str(number), severity=State.WARNING, sentence="mild") for number in range(60)]
    keep(Batch(agents=[agent()], incidents=[change(sentence="the worst"), *mild]))
    page = read(client, "/h/web-3")
    assert ("class", "chip critical") in page.attributes
    assert "Critical for 12 min: the worst" in page.words
    assert "+11 more" in page.words


def test_a_host_whose_snapshots_expired_says_so(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[silent("old-1"), greeted()]))
    assert "older than is kept" in read(client, "/h/old-1").words
    assert "older than is kept" not in read(client, "/h/new-1").words


def test_known_problems_and_the_reference_are_pages(client: TestClient) -> None:
    known = read(client, "/k/disk-full").words
    assert "disk-full" in known
    assert "{mount" not in known
    assert "df -h / shows" in known
    reference = read(client, "/docs")
    assert "/api/v1/agents/{agent}/metrics/history" in reference.words
    assert "max_points" in reference.words


def hostile_poison(hostile: str) -> Quarantined:
    body, header = hostile.encode(), {hostile: hostile}
    return poison(body, routing_key=hostile, reason=hostile, detail=hostile, message_id=hostile, headers=header)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_a_host_tells_becomes_markup(client: TestClient, keep: Keep, hostile: str) -> None:
    remedy = replace(REMEDY, title=hostile, reason=hostile, verify=hostile, captured={hostile: hostile})
    told: dict[str, Any] = {"title": hostile, "sentence": hostile, "subject": hostile, "remedies": (remedy,)}
    loud = agent(host_name=hostile, scope=hostile, agent_version=hostile)
    stopped = agent("gone", host_name=hostile, goodbye_ms=NOW_MS, goodbye_reason=hostile)
    readings = {hostile: 1.0, f'disk.usage_percent{{mount="{hostile}"}}': 2.0}
    keep(Batch(agents=[loud, stopped], snapshots=[snapshot(readings=readings)], incidents=[change(**told)]))
    keep(Batch(agents=[loud], accounts=account("web-3", 9, gap(1, 2, GapState.DECLARED, hostile))))
    keep(Batch(quarantined=[hostile_poison(hostile)]))
    for path in ("/", "/h/web-3", "/h/gone", "/i/1", "/delivery", "/quarantine", "/quarantine/1"):
        page = read(client, path)
        assert "script" not in page.tags
        assert "img" not in page.tags
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert not [
            value for name, value in page.attributes if name in ("href", "src") and not value.startswith(("/", "#"))
        ]
        if hostile.isprintable():
            assert hostile in page.words
    answer = client.get(f"/h/{quote(hostile[:20], safe='')}x", headers={"Accept": "text/html"})
    assert "script" not in Page(answer.text).tags


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/h/web-3",
        "/i/1",
        "/k/disk-full",
        "/delivery",
        "/quarantine",
        "/quarantine/1",
        "/notices",
        "/docs",
    ],
)
def test_pages_fetch_nothing_from_elsewhere_and_run_nothing(client: TestClient, keep: Keep, path: str) -> None:
    keep(troubled())
    keep(accounted("db-1", 100, *LOSSES))
    keep(Batch(quarantined=[poison()]))
    page = read(client, path)
    assert page.tags.count("h1") == 1
    assert not {"script", "style", "iframe", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name == "style"]
    assert [value for name, value in page.attributes if name == "href" and value.endswith(".css")] == [
        "/static/style.css"
    ]
