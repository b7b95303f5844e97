"""The terminal against a served help desk: what people do about incidents, from both ends."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from helpdesk_api.app import create_app
from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from store.model import Batch
from tests.contract.cli.conftest import healthmon, serving
from tests.contract.http.conftest import ADMIN, NotingSender
from tests.contract.http.fleet import FLOWING, agent, silent, troubled

Keep = Callable[[Batch], object]
Capture = pytest.CaptureFixture[str]


def test_an_incident_is_acknowledged_noted_muted_and_unmuted(url: str, keep: Keep, capsys: Capture) -> None:
    keep(FLOWING)
    keep(troubled())
    assert healthmon(url, "ack", "i/1", "-m", "on my way") == 0
    assert healthmon(url, "ack", "i/1") == 1
    assert healthmon(url, "note", "i/1", "it was the cleaner") == 0
    assert healthmon(url, "mute", "i/1", "--for", "2h", "--reason", "new disks") == 0
    assert healthmon(url, "mute", "web-3.example", "--for", "30d", "--reason", "new disks") == 0
    assert healthmon(url, "mute", "--group", "web", "--for", "31d", "--reason", "x") == 64
    assert healthmon(url, "mute", "nobody", "--for", "1h", "--reason", "x") == 1
    capsys.readouterr()
    assert healthmon(url, "mutes") == 0
    assert capsys.readouterr().out.startswith("2 mutes")
    assert healthmon(url, "show", "i/1") == 0
    shown = capsys.readouterr().out
    for words in ("acknowledged by local: on my way", "noted by local: it was the cleaner", "Muted until 10:00 UTC"):
        assert words in shown
    assert healthmon(url, "status", "--exit-code") == 0
    assert healthmon(url, "unmute", "1") == 0
    assert healthmon(url, "unmute", "2") == 0
    assert healthmon(url, "unmute", "3") == 1
    assert healthmon(url, "status", "--exit-code") == 2
    assert healthmon(url, "ack", "i/1", "--undo") == 0


def test_notices_and_groups(url: str, keep: Keep, sender: NotingSender, capsys: Capture) -> None:
    keep(Batch(agents=[agent(group_name="web")]))
    assert healthmon(url, "notify-test", "log") == 0
    assert healthmon(url, "notify-test", "nothing") == 1
    assert healthmon(url, "notices", "--retry", "1") == 1
    capsys.readouterr()
    assert healthmon(url, "notices", "--state", "waiting") == 0
    assert "test: This is a test" in " ".join(capsys.readouterr().out.split())
    assert healthmon(url, "group", "set", "web", "--interval", "10") == 0
    assert capsys.readouterr().out == "Group web, 1 host: every 10 s. 1 host to follow.\n"
    assert sender.sent[0][1].arguments == {"interval_seconds": 10.0}
    assert healthmon(url, "groups") == 0


def test_a_host_that_is_gone_is_retired(url: str, keep: Keep, capsys: Capture) -> None:
    keep(FLOWING)
    keep(Batch(agents=[agent("here"), silent("gone")]))
    assert healthmon(url, "retire", "here") == 1
    assert "Stop the agent on the host first" in " ".join(capsys.readouterr().err.split())
    assert healthmon(url, "retire", "nobody") == 1
    assert healthmon(url, "retire", "gone.example") == 0
    assert capsys.readouterr().out.startswith("Retiring gone.example. The processor closes its incidents")
    assert healthmon(url, "retire", "gone", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["retirement"]["agent_id"] == "gone"


def test_who_may_look_may_change_nothing(desk: Desk, keep: Keep) -> None:
    keep(troubled())
    with serving(create_app(replace(desk, settings=Settings(bind="192.0.2.1")))) as url:
        made = httpx2.post(f"{url}/api/v1/keys", json={"name": "eve", "role": "viewer"}, headers=ADMIN).json()
        for arguments in (
            ("ack", "1"),
            ("note", "1", "x"),
            ("mute", "i/1", "--for", "1h", "--reason", "x"),
            ("unmute", "1"),
            ("notify-test", "log"),
            ("notices", "--retry", "1"),
            ("group", "set", "web", "--interval", "10"),
            ("retire", "web-3"),
        ):
            assert healthmon(url, *arguments, HEALTHMON_API_KEY=made["key"]) == 77, arguments
        for verb in ("mutes", "notices", "groups"):
            assert healthmon(url, verb, HEALTHMON_API_KEY=made["key"]) == 0
