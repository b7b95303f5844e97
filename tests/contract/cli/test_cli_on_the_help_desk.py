"""Every verb against the real application and a real store: the two programs speak of the same shapes."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helpdesk_api.app import create_app
from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from rabbitmq.commands import Command
from store.model import Batch, Change, CommandOutcome, KeptBatch
from tests.contract.cli.conftest import healthmon, serving
from tests.contract.http.conftest import ADMIN_KEY, CATALOGUE, NotingSender
from tests.contract.http.fleet import NOW_MS, agent, change, healthy, snapshot, troubled

Keep = Callable[[Batch], KeptBatch]
DISK_FULL = next(problem for problem in CATALOGUE.problems if problem.slug == "disk-full")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    file = tmp_path / "admin.key"
    file.write_text(f"{ADMIN_KEY}\n")
    return str(file)


def test_the_fleet_and_one_host(url: str, keep: Keep, capsys: Capture) -> None:
    keep(troubled())
    keep(healthy("db-1"))
    assert healthmon(url, "status", "--exit-code") == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 of 2 hosts not ok: 1 CRITICAL, 1 ok"
    assert lines[3].split()[:2] == ["CRITICAL", "web-3.example"]
    assert lines[-1] == "Next: healthmon show i/1"
    assert healthmon(url, "status", "web-3.example") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("web-3.example CRITICAL for 12 min: ")
    assert "disk /var is 96.4 % full" in lines[0]
    assert any(line.split() == ["96.4", "%", "disk", "/var"] for line in lines)


def test_more_hosts_than_a_page_holds(url: str, keep: Keep, capsys: Capture) -> None:
    keep(healthy(*(f"host-{number:04}" for number in range(501))))
    assert healthmon(url, "status", "--plain") == 0
    assert len(capsys.readouterr().out.splitlines()) == 501


def test_an_incident_from_its_opening_to_its_closing(url: str, keep: Keep, capsys: Capture) -> None:
    keep(troubled())
    assert healthmon(url, "incidents") == 0
    assert capsys.readouterr().out.splitlines()[0] == "1 open incident, 1 CRITICAL"
    assert healthmon(url, "show", "i/1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "web-3.example CRITICAL: disk /var is 96.4 % full, limit 95 %"
    assert "      du -xh /var | sort -h | tail" in lines
    assert lines[-1] == f"Details: {url}/i/1"
    keep(Batch(agents=[agent()], incidents=[change(change=Change.CLOSED, at_ms=NOW_MS, received_ms=NOW_MS, seq=2)]))
    assert healthmon(url, "incidents", "--json") == 0
    assert json.loads(capsys.readouterr().out)["incidents"] == []
    assert healthmon(url, "show", "1") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("web-3.example closed: ")
    assert " closed: " in shown.split("TIMELINE")[1]


def test_an_error_text_is_explained(url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"No space left on device\n")))
    assert healthmon(url, "explain") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{DISK_FULL.title} (exact match, line 1)\n")
    assert "      df -h\n" in out
    assert out.endswith(f"Details: {url}/k/disk-full\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"all is well\n")))
    assert healthmon(url, "explain") == 1
    assert capsys.readouterr().out.startswith("No known problem matches.\n")


@pytest.mark.parametrize("text", [b"x" * 3_000_000, b'"' * 1_000_000, "\u78c1".encode() * 700_000, b"\x01" * 1_000_000])
def test_the_largest_texts_are_taken(url: str, text: bytes, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text + b"\nENOSPC\n")))
    assert healthmon(url, "explain") == 0
    assert capsys.readouterr().out.startswith(DISK_FULL.title)


def test_a_poll_from_the_question_to_the_snapshot(url: str, keep: Keep, sender: NotingSender, capsys: Capture) -> None:
    def answer(command: Command) -> None:
        fresh = agent(snapshot_seq=3, snapshot_ms=NOW_MS, snapshot_received_ms=NOW_MS)
        ended = CommandOutcome(command_id=command.command_id, outcome="done", detail="", received_ms=NOW_MS)
        keep(Batch(agents=[fresh], snapshots=[snapshot(seq=3, wall_ms=NOW_MS)], outcomes=[ended]))

    keep(healthy("web-3"))
    assert healthmon(url, "poll", "web-3.example") == 75
    assert "was asked" in capsys.readouterr().err
    sender.on_send = answer
    assert healthmon(url, "poll", "web-3.example") == 0
    assert capsys.readouterr().out.startswith("web-3.example answered: snapshot 3, taken 08:00:00 UTC\n")


def test_what_is_not_there_is_1_with_the_help_desks_hint(url: str, keep: Keep, capsys: Capture) -> None:
    keep(healthy("web-3"))
    for arguments in (("status", "web-4.example"), ("poll", "web-4.example"), ("show", "99")):
        assert healthmon(url, *arguments) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "Nearest names: web-3.example" in told.err
    assert "There is no incident 99." in told.err


def test_keys_from_making_to_revoking(desk: Desk, key_file: str, capsys: Capture) -> None:
    """On a help desk that others can reach, where every question needs a key."""
    exposed = replace(desk, settings=Settings(bind="0.0.0.0"))  # noqa: S104
    with serving(create_app(exposed)) as url:
        assert healthmon(url, "status") == 77
        assert "healthmon keys create --role viewer" in capsys.readouterr().err
        create = ("keys", "create", "--role", "viewer", "--name", "grafana")
        assert healthmon(url, *create, HEALTHMON_ADMIN_KEY_FILE=key_file) == 0
        key = capsys.readouterr().out.strip()
        assert healthmon(url, "status", HEALTHMON_API_KEY=key) == 0
        assert healthmon(url, "poll", "x", HEALTHMON_API_KEY=key) == 77
        assert healthmon(url, "keys", "list", HEALTHMON_API_KEY=key) == 77
        capsys.readouterr()
        assert healthmon(url, "keys", "list", "--plain", HEALTHMON_ADMIN_KEY_FILE=key_file) == 0
        number, role, name, _, revoked = capsys.readouterr().out.rstrip("\n").split("\t")
        assert (role, name, revoked) == ("viewer", "grafana", "")
        assert healthmon(url, "keys", "revoke", number, HEALTHMON_ADMIN_KEY_FILE=key_file) == 0
        assert healthmon(url, "status", HEALTHMON_API_KEY=key) == 77


def test_no_proxy_sees_the_key(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert healthmon(url, "status") == 0


def test_a_database_that_is_away_is_75(desk: Desk, url: str, capsys: Capture) -> None:
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE incident_event")
        connection.exec_driver_sql("DROP TABLE incident")
    assert healthmon(url, "incidents") == 75
    assert capsys.readouterr().out == ""
