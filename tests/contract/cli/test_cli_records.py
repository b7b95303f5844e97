"""The account and the quarantine in the terminal, against the real application and a real store."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from helpdesk_api.app import create_app
from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from store.model import Batch, KeptBatch
from tests.contract.cli.conftest import healthmon, serving
from tests.contract.http.accounts import LOSSES, UNEXPLAINED, accounted, poison
from tests.contract.http.conftest import ADMIN
from tests.contract.http.fleet import agent, snapshot, troubled

Keep = Callable[[Batch], KeptBatch]
Capture = pytest.CaptureFixture[str]


def test_the_account_says_what_is_unexplained(url: str, keep: Keep, capsys: Capture) -> None:
    keep(accounted("web-3", 1_000_000, *LOSSES))
    assert healthmon(url, "delivery", "--exit-code") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1,000,000 records assigned, every one accounted for: 12 named as lost, 1 in")
    assert lines[-1] == "No quarantined message is left: their bytes were dropped with age."
    keep(Batch(quarantined=[poison()]))
    assert healthmon(url, "delivery") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Next: healthmon quarantine list"
    keep(accounted("db-1", 100, UNEXPLAINED))
    assert healthmon(url, "delivery", "--exit-code") == 2
    lines = capsys.readouterr().out.splitlines()
    assert "3 unexplained: nobody has" in lines[0]
    assert next(line.split() for line in lines if "db-1" in line)[:2] == ["db-1.example", "100"]
    assert healthmon(url, "delivery", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["total"]["assigned"], len(answer["agents"])) == (1_000_100, 2)


def test_more_agents_than_a_part_holds(url: str, keep: Keep, capsys: Capture) -> None:
    keep(Batch(agents=[agent(f"host-{number:04}") for number in range(1001)]))
    assert healthmon(url, "delivery", "--plain", "--exit-code") == 3
    assert len(capsys.readouterr().out.splitlines()) == 1001


def test_the_quarantine_from_the_list_to_the_redrive(url: str, keep: Keep, capsys: Capture) -> None:
    keep(Batch(agents=[agent()], quarantined=[poison(), poison(b"\x1b[2J", reason="unknown-version")]))
    assert healthmon(url, "quarantine", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("2 messages in quarantine", "Next: healthmon quarantine show 2")
    assert healthmon(url, "quarantine", "show", "2") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "  \\x1b[2J" in shown.splitlines()
    assert "Upgrade the processor" in shown
    assert healthmon(url, "quarantine", "redrive", "--reason", "unknown-version") == 0
    assert capsys.readouterr().out.startswith("1 message to be read again.")
    assert healthmon(url, "quarantine", "redrive", "2") == 1
    assert healthmon(url, "quarantine", "show", "77") == 1


def test_who_may_look_may_not_redrive(desk: Desk, keep: Keep, capsys: Capture) -> None:
    keep(Batch(quarantined=[poison()]))
    with serving(create_app(replace(desk, settings=Settings(bind="192.0.2.1")))) as url:
        made = httpx2.post(f"{url}/api/v1/keys", json={"name": "eve", "role": "viewer"}, headers=ADMIN).json()
        assert healthmon(url, "quarantine", "list", HEALTHMON_API_KEY=made["key"]) == 0
        assert healthmon(url, "delivery", HEALTHMON_API_KEY=made["key"]) == 0
        assert healthmon(url, "quarantine", "redrive", "1", HEALTHMON_API_KEY=made["key"]) == 77
    assert "does not include operator" in capsys.readouterr().err


def test_trouble_of_the_host_stands_below_its_incident(url: str, keep: Keep, capsys: Capture) -> None:
    keep(troubled())
    told = snapshot(seq=3, errors={"spool": "disk full"})
    keep(Batch(agents=[agent(snapshot_seq=3, clock_offset_ms=240_000)], snapshots=[told]))
    assert healthmon(url, "show", "i/1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  the agent cannot keep records on its disk: disk full" in lines
    assert "  its clock is 4 min behind; times of readings are corrected" in lines
