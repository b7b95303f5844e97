"""`healthmon status`: the answer first, the worst first, the next command last."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.desk_stub import HEALTHY, HOST, INCIDENT, METRICS, User, listed, problem

STALE = {**HOST, "agent_id": "a-3", "host_name": "job-7", "state": "stale", "sentence": "No data for 4 min."}
TROUBLED = {"GET /agents": listed(HEALTHY, STALE, HOST), "GET /incidents": listed(INCIDENT)}
CALM = {"GET /agents": listed(HEALTHY), "GET /incidents": listed()}
ONE = {"GET /agents/web-3": HOST, "GET /agents/a-1/metrics": METRICS, "GET /incidents": listed(INCIDENT)}


def test_the_fleet_comes_worst_first_between_the_answer_and_the_next_command(user: User) -> None:
    seen = user.calls("status", answers=TROUBLED)
    assert seen.code == 0
    assert seen.lines[0] == "2 of 3 hosts not ok: 1 CRITICAL, 1 NO DATA, 1 ok"
    assert [line.split()[0] for line in seen.lines[3:6]] == ["CRITICAL", "NO", "ok"]
    assert seen.lines[3].split(maxsplit=2)[1] == "web-3"
    assert seen.lines[-2:] == ["Fix known: A file system is full (exact)", "Next: healthmon show i/142"]
    assert seen.err == ""


def test_hosts_that_something_in_front_explains_are_counted_with_it(user: User) -> None:
    why = "behind gateway-1, which is down (#12)"
    hidden = [{**STALE, "agent_id": f"b-{number}", "behind": why} for number in (1, 2)]
    well = {**HEALTHY, "behind": why}
    seen = user.calls("status", answers={"GET /agents": listed(well, *hidden), "GET /incidents": listed()})
    assert seen.lines[:2] == ["2 of 3 hosts not ok: 2 NO DATA, 1 ok", f"2 hosts {why}"]


def test_retired_hosts_are_neither_muted_nor_in_trouble(user: User) -> None:
    gone = {**HEALTHY, "agent_id": "a-9", "state": "muted", "retired": True}
    seen = user.calls("status", answers={"GET /agents": listed(HEALTHY, gone), "GET /incidents": listed()})
    assert seen.lines[0] == "2 hosts, 1 retired, the others ok"


def test_a_healthy_fleet_is_said_in_one_line(user: User) -> None:
    seen = user.calls("status", answers=CALM)
    assert seen.lines[0] == "1 host, all ok"
    assert seen.lines[-1] == "Next: healthmon status db-1"


def test_no_host_at_all_is_not_called_healthy(user: User) -> None:
    seen = user.calls("status", "--exit-code", answers={"GET /agents": listed(), "GET /incidents": listed()})
    assert (seen.code, seen.lines[0]) == (3, "No host has reported yet.")
    assert seen.lines[-1] == "Start an agent on it: healthmon-agent run"


def test_all_pages_are_asked_for(user: User) -> None:
    pages = {"": listed(HEALTHY, next_cursor="a-2"), "a-2": listed(HOST)}
    answers = {
        "GET /agents": lambda request: pages[request.url.params.get("cursor", "")],
        "GET /incidents": listed(),
    }
    assert len(user.calls("status", "--plain", answers=answers).lines) == 2


def test_a_long_fleet_shows_the_worst_and_counts_the_others(user: User) -> None:
    many = [{**HEALTHY, "agent_id": f"b-{number}", "host_name": f"b-{number}"} for number in range(60)]
    seen = user.calls("status", answers={"GET /agents": listed(*many, HOST), "GET /incidents": listed()})
    assert "and 11 more: healthmon status --plain" in seen.lines
    assert "web-3" in seen.lines[3]


def test_what_a_host_is_not_to_measure_is_said_with_who_said_so(user: User) -> None:
    host = {**HOST, "switched_off": {"swap": "switched off by its group's setting"}}
    seen = user.calls("status", "web-3", answers={**ONE, "GET /agents/web-3": host})
    assert "  swap not measured: switched off by its group's setting" in seen.lines


def test_one_host_shows_what_its_agent_could_not_do(user: User) -> None:
    host = {**HOST, "errors": {"spool": "disk full"}, "clock_offset_seconds": 240.0}
    seen = user.calls("status", "web-3", answers={**ONE, "GET /agents/web-3": host})
    assert "  the agent cannot keep records on its disk: disk full" in seen.lines
    assert "  its clock is 4 min behind; times of readings are corrected" in seen.lines


def test_one_host_shows_its_incidents_and_what_is_in_use(user: User) -> None:
    seen = user.calls("status", "web-3", answers=ONE)
    assert seen.lines[0] == "web-3 CRITICAL for 12 min: disk / is 96.4 %, limit 95 %"
    assert "i/142" in seen.out
    used = [line.split() for line in seen.lines if line.endswith(("disk /", "cpu"))]
    assert used == [["96.4", "%", "disk", "/"], ["34.0", "%", "cpu"]]
    assert seen.lines[-1] == "Next: healthmon show i/142"


def test_a_host_that_never_reported_has_no_readings_to_ask_for(user: User) -> None:
    waiting = {**HOST, "state": "waiting", "has_metrics": False}
    seen = user.calls("status", "web-3", answers={"GET /agents/web-3": waiting, "GET /incidents": listed()})
    assert seen.lines[0].startswith("web-3 WAITING: ")


def test_a_name_is_one_part_of_the_path_whatever_it_holds(user: User) -> None:
    seen = user.calls("status", "../keys?x", answers={"GET /agents/../keys?x": problem(404, "Unknown.")})
    assert seen.code == 1
    assert seen.asked[0].url.raw_path == b"/api/v1/agents/..%2Fkeys%3Fx"


@pytest.mark.parametrize(
    ("state", "code"), [("ok", 0), ("warning", 1), ("critical", 2), ("stale", 3), ("waiting", 3), ("unheard-of", 3)]
)
def test_the_exit_code_mirrors_the_worst_state_on_request(user: User, state: str, code: int) -> None:
    answers = {"GET /agents": listed(HEALTHY, {**HOST, "state": state}), "GET /incidents": listed()}
    assert user.calls("status", "--exit-code", answers=answers).code == code
    assert user.calls("status", answers=answers).code == 0


def test_json_is_the_help_desks_own_words_under_a_schema(user: User) -> None:
    answer = json.loads(user.calls("status", "--json", answers=TROUBLED).out)
    assert answer == {"schema": "status/1", "hosts": [HEALTHY, STALE, HOST], "incidents": [INCIDENT]}
    one = json.loads(user.calls("status", "web-3", "--json", answers=ONE).out)
    assert one == {"schema": "status/1", "hosts": [HOST], "incidents": [INCIDENT], "readings": METRICS["readings"]}


def test_plain_is_tab_separated_without_a_header(user: User) -> None:
    [line] = user.calls("status", "--plain", answers=CALM).lines
    fields = ["ok", "db-1", "a-2", "2026-11-21T14:14:09Z", "All checks are within limits.", HEALTHY["url"]]
    assert line.split("\t") == fields


def test_json_and_plain_exclude_each_other(user: User) -> None:
    seen = user.calls("status", "--json", "--plain")
    assert (seen.code, seen.out) == (64, "")
    assert "Give one of them" in seen.err


def test_a_name_that_two_hosts_have_is_not_offered_as_the_next_command(user: User) -> None:
    twins = listed({**STALE, "agent_id": "t 1"}, {**STALE, "agent_id": "t 2"})
    seen = user.calls("status", answers={"GET /agents": twins, "GET /incidents": listed()})
    assert seen.lines[-1] == "Next: healthmon status 't 1'"


def test_a_host_that_is_not_there_is_no_warning_to_a_monitor(user: User) -> None:
    missing = {"GET /agents/web-9": problem(404, "No agent has the id or host name 'web-9'.")}
    assert user.calls("status", "web-9", answers=missing).code == 1
    seen = user.calls("status", "web-9", "--exit-code", answers=missing)
    assert seen.code == 3
    assert "All hosts: healthmon status" in seen.err
    away = {"GET /agents/web-9": problem(503, "The database is away.")}
    assert user.calls("status", "web-9", "--exit-code", answers=away).code == 75


@pytest.mark.parametrize("arguments", [("status", "\udcff"), ("mute", "web-3", "--for", "1h", "--reason", "\udcff")])
def test_bytes_that_are_no_text_are_named(user: User, arguments: tuple[str, ...]) -> None:
    seen = user.calls(*arguments)
    assert (seen.code, seen.asked) == (64, [])
    assert seen.err == "'\\udcff' is not text in UTF-8. Give it in UTF-8.\n"


def test_an_answer_that_cannot_be_written_is_told_and_nothing_else_is() -> None:
    command = [sys.executable, "-m", "cli", "version"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 74
    assert ended.stderr == "Cannot write the answer: no space left on device. Send it to another place.\n"
