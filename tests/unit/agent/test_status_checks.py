"""The checks in the status: the worst on line 1, a table of at most 80 columns."""

import json
from datetime import UTC

import msgspec
import pytest

from agent.status import CheckRow, Status
from agent.status_checks import COLUMNS, MOST_SHOWN, check_table
from agent.status_text import headline_word, status_json, status_lines
from tests.unit.agent.test_status import GOOD, NOW, REFUSED

DISK = CheckRow(
    rule="disk-usage",
    subject='mount="/"',
    name="disk /",
    state="critical",
    since_seconds=NOW - 720,
    value=96.44,
    unit="%",
    output="",
    warning=85.0,
    critical=95.0,
    pending=None,
    progress="",
    flapping=False,
    sentence="disk / is 96.4 % full, limit 95 %",
)
CPU = msgspec.structs.replace(
    DISK, rule="cpu-usage", subject="", name="cpu", state="ok", value=34.0, critical=None, sentence=""
)
WEB = msgspec.structs.replace(
    DISK,
    rule="check",
    name="web",
    state="ok",
    value=None,
    unit="",
    output="HTTP 200\nmore",
    warning=None,
    critical=None,
    sentence="",
    pending="critical",
    progress="2 of 3",
)


def with_checks(*rows: CheckRow, status: Status = GOOD) -> Status:
    return msgspec.structs.replace(status, checks=list(rows))


def test_names_that_differ_at_their_ends_can_be_told_apart() -> None:
    places = [f"/srv/data/customers/of-a-long-name/{place}" for place in ("one", "two")]
    rows = [msgspec.structs.replace(DISK, name=f"disk inodes {place}") for place in places]
    web = msgspec.structs.replace(WEB, output="http://127.0.0.1:8080/health answers 200 in 0.002 s")
    shown = [line[: line.index("CRITICAL")] for line in check_table([*rows, web], NOW, UTC) if "CRITICAL" in line]
    assert [line.strip().startswith("disk ") for line in shown] == [True, True]
    assert [line.strip().endswith(place) for line, place in zip(shown, ("/one", "/two"), strict=True)] == [True, True]


def test_the_worst_check_is_the_answer() -> None:
    lines = status_lines(with_checks(DISK, CPU), NOW)
    assert lines[0] == "web-3  CRITICAL for 12 min   disk / is 96.4 % full, limit 95 %"
    assert "  records  last sent 2 s ago, 0 waiting, 0 lost" in lines
    assert headline_word(with_checks(DISK), NOW) == "CRITICAL"


def test_without_trouble_the_agent_is_the_answer() -> None:
    assert status_lines(with_checks(CPU), NOW)[0] == "web-3  ok  last sent 2 s ago, 0 waiting, 0 lost"
    assert headline_word(with_checks(CPU, status=REFUSED), NOW) == "NOT CONNECTED"


def test_with_the_hub_away_the_checks_are_told_all_the_same() -> None:
    lines = status_lines(with_checks(DISK, status=REFUSED), NOW)
    assert lines[0].startswith("web-3  CRITICAL for 12 min")
    assert any("login refused" in line for line in lines)


def test_of_an_agent_that_does_not_run_the_checks_are_no_answer() -> None:
    assert status_lines(with_checks(DISK), NOW + 7200)[0].startswith("web-3  NOT RUNNING  since 2 h")


def test_the_table() -> None:
    assert check_table([DISK, WEB, CPU], NOW, UTC) == [
        "  CHECK   STATE        NOW       WARN  CRIT  SINCE",
        "  disk /  CRITICAL     96.4 %    85    95    07:48",
        "  web     ok (2 of 3)  HTTP 200              07:48",
        "  cpu     ok           34.0 %    85          07:48",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(3 * 2**30, "B", "3.0 GiB"), (12.0, "B", "12.0 B"), (0.5, "s", "0.5 s"), (4.25, "", "4.25")],
)
def test_values_have_their_unit(value: float, unit: str, shown: str) -> None:
    row = msgspec.structs.replace(CPU, value=value, unit=unit)
    assert shown in check_table([row], NOW, UTC)[1]


def test_what_is_longer_ago_than_a_day_has_its_date_and_flapping_is_said() -> None:
    row = msgspec.structs.replace(DISK, since_seconds=NOW - 3 * 86400, flapping=True, state="warning")
    line = check_table([row], NOW, UTC)[1]
    assert line.endswith("01-12")
    assert "WARNING (flapping)" in line


def test_it_fits_the_screen_whatever_the_names() -> None:
    long = msgspec.structs.replace(WEB, name="n" * 64, output="o" * 256, progress="20 of 30 s", state="critical")
    lines = check_table([long, DISK], NOW, UTC)
    assert max(map(len, lines)) == COLUMNS
    assert "..." in lines[1]
    assert lines[1].endswith("07:48")


def test_nothing_a_check_says_can_move_the_cursor() -> None:
    hostile = msgspec.structs.replace(DISK, name="d\x1b[2J", value=None, output="a\x07b", sentence="x\ny")
    assert all(line.isprintable() for line in status_lines(with_checks(hostile), NOW))
    assert all(line.isprintable() for line in check_table([hostile], NOW))


def test_very_many_are_counted() -> None:
    lines = check_table([CPU] * (MOST_SHOWN + 3), NOW, UTC)
    assert (len(lines), lines[-1]) == (MOST_SHOWN + 2, "  and 3 more: healthmon-agent status --json")


def test_json_adds_the_checks_and_keeps_what_it_had() -> None:
    told = json.loads(status_json(with_checks(DISK, CPU, status=REFUSED), NOW))
    assert (told["schema"], told["state"], told["health"]) == ("agent-status/1", "NOT CONNECTED", "critical")
    assert told["checks"][0]["since"].startswith("2027-01-15T07:48")
    assert (told["checks"][0]["value"], told["checks"][1]["critical"]) == (96.44, None)
    assert json.loads(status_json(GOOD, NOW))["health"] is None


def test_a_status_of_an_earlier_agent_still_reads() -> None:
    told = msgspec.json.decode(msgspec.json.encode(GOOD))
    del told["checks"]
    assert msgspec.convert(told, Status) == GOOD
