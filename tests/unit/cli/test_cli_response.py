"""What people do about incidents from the terminal: acknowledge, note, mute, test a channel, set a group."""

import json
from typing import Any

import pytest

from tests.unit.cli.desk_stub import HOST, INCIDENT, User, listed, problem, shown

ACKNOWLEDGED = {**INCIDENT, "acknowledged": {"time": "2026-11-21T14:14:11Z", "author": "ana"}}
MUTE = {
    "mute_no": 7,
    "state": "in force",
    "reason": "new disks",
    "author": "ana",
    "created": "2026-11-21T14:14:11Z",
    "starts": "2026-11-21T14:14:11Z",
    "ends": "2026-11-21T16:14:11Z",
    "weekly": None,
    "incident": None,
    "agent_id": "a-1",
    "host_name": "web-3",
    "rule": None,
    "subject": None,
    "group": None,
    "lifted": None,
}
MADE = {**MUTE, "hint": ""}
NO_HOST = {"agent_id": None, "host_name": None}
WEEKLY = {"weekdays": [5], "starts": "22:00", "minutes": 60, "timezone": "UTC"}
NOTICE = {
    "notice_no": 3,
    "incident": 142,
    "channel": "ops-mail",
    "kind": "problem",
    "state": "dead",
    "sentence": "disk / is full",
    "created": "2026-11-21T14:10:00Z",
    "due": "2026-11-21T14:10:00Z",
    "attempts": 9,
    "delivered": None,
    "why": "550 no such user",
    "now": "Nobody tries it again.",
    "url": "http://127.0.0.1:8000/i/142",
}
GROUP = {
    "name": "web",
    "hosts": 3,
    "state": "critical",
    "interval_seconds": 10.0,
    "collectors": None,
    "differing": 1,
    "updated": None,
    "author": "ana",
    "hint": "",
}


def sent(seen: Any) -> Any:
    return json.loads(seen.asked[-1].content)


@pytest.mark.parametrize(
    ("arguments", "path", "body", "words"),
    [
        (["ack", "i/142"], "acknowledge", {"note": ""}, "You look after i/142: web-3, disk / is 96.4 %, limit 95 %"),
        (["ack", "142", "-m", "mine"], "acknowledge", {"note": "mine"}, "You look after i/142"),
        (["ack", "i/142", "--undo"], "unacknowledge", {"note": ""}, "Nobody looks after i/142"),
        (["note", "i/142", "it was me"], "notes", {"note": "it was me"}, "Noted on i/142"),
    ],
)
def test_acts_say_what_was_done(user: User, arguments: list[str], path: str, body: Any, words: str) -> None:
    answers = {f"POST /incidents/142/{path}": ACKNOWLEDGED}
    seen = user.calls(*arguments, answers=answers)
    assert (seen.code, sent(seen)) == (0, body)
    assert words in seen.lines[0]
    assert seen.lines[-1] == "Details: http://127.0.0.1:8000/i/142"
    as_json = json.loads(user.calls(*arguments, "--json", answers=answers).out)
    assert as_json == {"schema": "incident/1", "incident": ACKNOWLEDGED}


@pytest.mark.parametrize("verb", ["ack", "note"])
@pytest.mark.parametrize("reference", ["web-3", "i/0", "i/x", ""])
def test_what_names_no_incident_is_refused(user: User, verb: str, reference: str) -> None:
    seen = user.calls(verb, reference, *(["text"] if verb == "note" else []))
    assert (seen.code, seen.asked) == (64, [])
    assert "names no incident" in seen.err


def test_a_refusal_is_told_with_its_exit_code(user: User) -> None:
    path = "POST /incidents/142/acknowledge"
    for status, code in ((409, 1), (404, 1), (403, 77), (503, 75)):
        seen = user.calls("ack", "142", answers={path: problem(status, "It is closed.")})
        assert (seen.code, "It is closed." in seen.err) == (code, True)
        assert ("healthmon incidents --state all" in seen.err) == (status == 404)


@pytest.mark.parametrize(
    ("target", "wish"),
    [
        (["i/142"], {"incident": 142, "group": None}),
        (["web-3"], {"agent": "web-3", "group": None}),
        (["142"], {"agent": "142", "group": None}),
        (["--group", "web"], {"group": "web"}),
    ],
)
def test_a_mute_names_whom_how_long_and_why(user: User, target: list[str], wish: Any) -> None:
    arguments = ["mute", *target, "--for", "2h", "--reason", "new disks"]
    seen = user.calls(*arguments, answers={"POST /mutes": MADE})
    assert seen.code == 0
    assert sent(seen) == {"reason": "new disks", "for_seconds": 7200, **wish}
    assert seen.lines == ["Muted host web-3 until 16:14:11 UTC (new disks).", "", "Lift it: healthmon unmute 7"]
    as_json = json.loads(user.calls(*arguments, "--json", answers={"POST /mutes": MADE}).out)
    assert as_json == {"schema": "mute/1", "mute": MADE}


def test_a_mute_of_a_group_that_nobody_is_in_comes_with_a_hint(user: User) -> None:
    empty = {**MADE, **NO_HOST, "group": "wbe", "hint": "No agent is in group wbe yet."}
    arguments = ["mute", "--group", "wbe", "--for", "2h", "--reason", "new disks"]
    seen = user.calls(*arguments, answers={"POST /mutes": empty})
    assert (seen.code, seen.lines[1]) == (0, "No agent is in group wbe yet.")


@pytest.mark.parametrize(("length", "seconds"), [("90s", 90), ("30m", 1800), ("7d", 604_800)])
def test_lengths_of_time(user: User, length: str, seconds: int) -> None:
    seen = user.calls("mute", "web-3", "--for", length, "--reason", "x", answers={"POST /mutes": MADE})
    assert sent(seen)["for_seconds"] == seconds


@pytest.mark.parametrize(
    "arguments",
    [
        ["web-3", "--for", "2h"],
        ["web-3", "--reason", "x"],
        ["web-3", "--for", "2", "--reason", "x"],
        ["web-3", "--for", "0h", "--reason", "x"],
        ["web-3", "--for", "2 h", "--reason", "x"],
        ["--for", "2h", "--reason", "x"],
        ["web-3", "--group", "web", "--for", "2h", "--reason", "x"],
        ["web-3", "--for", "31d", "--reason", "x"],
        ["web-3", "--for", "2h", "--reason", " "],
    ],
)
def test_a_mute_that_is_not_clear_is_refused(user: User, arguments: list[str]) -> None:
    seen = user.calls("mute", *arguments)
    assert (seen.code, seen.asked) == (64, [])


def test_mutes_are_listed_in_each_form(user: User) -> None:
    weekly = {**MUTE, "mute_no": 8, **NO_HOST, "group": "web", "rule": "cpu", "weekly": WEEKLY, "ends": None}
    of_incident = {**MUTE, "mute_no": 9, **NO_HOST, "incident": 142}
    of_all = {**MUTE, "mute_no": 10, **NO_HOST}
    answers = {"GET /mutes": listed(MUTE, weekly, of_incident, of_all)}
    seen = user.calls("mutes", answers=answers)
    assert seen.asked[0].url.params["state"] == "current"
    assert seen.lines[0] == "4 mutes"
    assert [" ".join(line.split()) for line in seen.lines[3:7]] == [
        "7 in force host web-3 16:14:11 new disks (ana)",
        "8 in force group web, rule cpu each week new disks (ana)",
        "9 in force i/142 16:14:11 new disks (ana)",
        "10 in force everything 16:14:11 new disks (ana)",
    ]
    assert seen.lines[-1] == "Lift one: healthmon unmute 7"
    plain = user.calls("mutes", "--all", "--plain", answers=answers)
    assert plain.asked[0].url.params["state"] == "all"
    assert plain.lines[0].split("\t")[:3] == ["7", "in force", "host web-3"]
    assert plain.lines[0].split("\t")[3:] == [MUTE["starts"], MUTE["ends"], "ana", "new disks"]
    assert json.loads(user.calls("mutes", "--json", answers=answers).out)["schema"] == "mutes/1"
    assert user.calls("mutes", answers={"GET /mutes": listed()}).lines == ["Nothing is muted."]
    assert user.calls("mutes", "--json", "--plain").code == 64


def test_what_was_lifted_says_when_and_is_not_lifted_again(user: User) -> None:
    lifted = {**MUTE, "mute_no": 8, "state": "lifted", "lifted": "2026-11-21T14:20:00Z"}
    seen = user.calls("mutes", "--all", answers={"GET /mutes": listed(lifted, MUTE)})
    assert seen.lines[3].split()[:5] == ["8", "lifted", "host", "web-3", "14:20:00"]
    assert seen.lines[-1] == "Lift one: healthmon unmute 7"
    alone = user.calls("mutes", "--all", answers={"GET /mutes": listed(lifted)})
    assert "unmute" not in alone.out


def test_a_mute_is_lifted_by_its_number(user: User) -> None:
    seen = user.calls("unmute", "7", answers={"DELETE /mutes/7": MUTE})
    assert (seen.code, seen.lines) == (0, ["Mute 7 of host web-3 is lifted."])
    assert user.calls("unmute", "7", answers={"DELETE /mutes/7": problem(404, "There is no mute 7.")}).code == 1
    assert user.calls("unmute", "x").code == 64


def test_notices_show_why_one_is_dead_and_what_now(user: User) -> None:
    answers = {"GET /notices": listed(NOTICE)}
    seen = user.calls("notices", "--state", "dead", answers=answers)
    assert seen.asked[0].url.params["state"] == "dead"
    assert seen.lines[0] == "1 dead notice"
    assert "problem of i/142: disk / is full" in " ".join(seen.out.split())
    assert seen.lines[-1] == "3: 550 no such user. Nobody tries it again."
    waiting = {**NOTICE, "state": "waiting", "now": "It is tried again by itself."}
    told = user.calls("notices", answers={"GET /notices": listed(waiting)}).lines[-1]
    assert told == "3: 550 no such user. It is tried again by itself."
    plain = user.calls("notices", "--plain", answers=answers).lines[0].split("\t")
    assert plain == ["3", "dead", "problem", "ops-mail", "142", NOTICE["created"], "9", "550 no such user"]
    assert json.loads(user.calls("notices", "--json", answers=answers).out) == {
        "schema": "notices/1",
        "notices": [NOTICE],
    }
    assert user.calls("notices", answers={"GET /notices": listed()}).lines == ["No notices."]


def test_a_dead_notice_is_tried_again(user: User) -> None:
    again = {**NOTICE, "state": "waiting"}
    seen = user.calls("notices", "--retry", "3", answers={"POST /notices/3/retry": again})
    assert (seen.code, "waiting" in seen.out) == (0, True)
    refused = user.calls("notices", "--retry", "3", answers={"POST /notices/3/retry": problem(409, "It is waiting.")})
    assert refused.code == 1


def test_a_channel_is_tested(user: User) -> None:
    test = {**NOTICE, "kind": "test", "incident": None, "state": "waiting"}
    seen = user.calls("notify-test", "ops mail/1", answers={"POST /channels/ops mail/1/test": test})
    assert seen.code == 0
    assert seen.asked[0].url.raw_path == b"/api/v1/channels/ops%20mail%2F1/test"
    assert seen.lines[0].startswith("Test 3 to ops-mail is on its way.")
    as_json = user.calls("notify-test", "log", "--json", answers={"POST /channels/log/test": test})
    assert json.loads(as_json.out) == {"schema": "notice/1", "notice": test}


def test_groups_are_listed_in_each_form(user: User) -> None:
    own = {**GROUP, "name": "db", "hosts": 0, "state": None, "interval_seconds": None}
    answers = {"GET /groups": listed(GROUP, own)}
    seen = user.calls("groups", answers=answers)
    assert seen.lines[0] == "2 groups"
    assert [" ".join(line.split()) for line in seen.lines[3:5]] == [
        "web CRITICAL 3 every 10 s",
        "db no hosts 0 as their files say",
    ]
    assert user.calls("groups", "--plain", answers=answers).lines[0].split("\t") == [
        "web",
        "critical",
        "3",
        "10.0",
        "1",
        "",
    ]
    assert json.loads(user.calls("groups", "--json", answers=answers).out)["groups"] == [GROUP, own]
    assert "HEALTHMON_GROUP" in user.calls("groups", answers={"GET /groups": listed()}).out


@pytest.mark.parametrize(("interval", "asked"), [("10", 10.0), ("1", 1.0), ("default", None)])
def test_a_group_is_set(user: User, interval: str, asked: float | None) -> None:
    seen = user.calls("group", "set", "web", "--interval", interval, answers={"PUT /groups/web": GROUP})
    assert (seen.code, sent(seen)) == (0, {"interval_seconds": asked})
    assert seen.lines == ["Group web, 3 hosts: every 10 s. 1 host to follow."]
    as_json = user.calls("group", "set", "web", "--interval", "10", "--json", answers={"PUT /groups/web": GROUP})
    assert json.loads(as_json.out) == {"schema": "group/1", "group": GROUP}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (("--collectors", "cpu, memory"), {"collectors": ["cpu", "memory"]}),
        (("--collectors", "default"), {"collectors": None}),
        (("--interval", "2", "--collectors", "cpu"), {"interval_seconds": 2.0, "collectors": ["cpu"]}),
    ],
)
def test_metric_groups_of_a_group_are_set(user: User, options: tuple[str, ...], asked: dict[str, object]) -> None:
    answer = {**GROUP, "collectors": ["cpu", "memory"]}
    seen = user.calls("group", "set", "web", *options, answers={"PUT /groups/web": answer})
    assert (seen.code, sent(seen)) == (0, asked)
    assert seen.lines == ["Group web, 3 hosts: every 10 s; only cpu, memory. 1 host to follow."]
    listed_ = user.calls("groups", "--plain", answers={"GET /groups": listed(answer)})
    assert listed_.lines[0].split("\t")[5] == "cpu,memory"


def test_a_group_that_is_told_nothing_is_refused(user: User) -> None:
    seen = user.calls("group", "set", "web")
    assert (seen.code, seen.asked) == (64, [])
    assert "Give --interval, --collectors, or both." in seen.err


def test_a_group_that_nobody_is_in_comes_with_a_hint(user: User) -> None:
    empty = {**GROUP, "name": "wbe", "hosts": 0, "differing": 0, "hint": "No agent is in group wbe yet. Nearest: web."}
    seen = user.calls("group", "set", "wbe", "--interval", "10", answers={"PUT /groups/wbe": empty})
    assert (seen.code, seen.lines[0]) == (0, "Group wbe, 0 hosts: every 10 s.")
    assert seen.lines[2:] == [
        "No agent is in group wbe yet. Nearest: web.",
        "Take it back: healthmon group set wbe --interval default",
    ]


def test_a_group_without_a_name_and_a_note_without_words_are_refused(user: User) -> None:
    groups = [["group", "set", name, "--interval", "10"] for name in ("", ".", "..")]
    for arguments in (*groups, ["note", "i/142", " "]):
        seen = user.calls(*arguments)
        assert (seen.code, seen.asked) == (64, [])
        assert seen.err.startswith("The ")


def test_who_cannot_be_muted_comes_with_the_list_to_look_at(user: User) -> None:
    for target, listing in (("i/9", "healthmon incidents --state all"), ("nobody", "healthmon status")):
        answers = {"POST /mutes": problem(404, "There is none.")}
        seen = user.calls("mute", target, "--for", "2h", "--reason", "x", answers=answers)
        assert (seen.code, seen.err) == (1, f"There is none. Try: {listing}\n")


@pytest.mark.parametrize("interval", ["0", "301", "x", "nan", "-1", ""])
def test_an_interval_that_cannot_be_is_refused(user: User, interval: str) -> None:
    seen = user.calls("group", "set", "web", f"--interval={interval}")
    assert (seen.code, seen.asked) == (64, [])


def test_an_incident_shows_who_looks_after_it_and_who_muted_it(user: User) -> None:
    muted = {
        "mute_no": 7,
        "until": None,
        "reason": "x",
        "author": "ana",
        "sentence": "Muted until 18:00 UTC (x, by ana)",
    }
    timeline = [{"change": "acknowledged", "time": "2026-11-21T14:12:00Z", "sentence": "", "author": "ana"}]
    whole = {**ACKNOWLEDGED, "muted": muted, "timeline": timeline}
    seen = user.calls("show", "142", answers=shown(whole))
    assert seen.lines[1:3] == [
        "i/142, open since 14:02:11 UTC (12 min), acknowledged by ana",
        "Muted until 18:00 UTC (x, by ana).",
    ]
    assert "  14:12:00 acknowledged by ana" in seen.lines
    row = " ".join(user.calls("incidents", answers={"GET /incidents": listed(whole)}).out.split())
    assert "(Muted until 18:00 UTC (x, by ana)) (acknowledged by ana)" in row


def test_an_incident_of_no_host_asks_for_none(user: User) -> None:
    of_hub = {**INCIDENT, "agent_id": None, "host_name": "hub"}
    seen = user.calls("show", "142", answers=shown(of_hub))
    assert (seen.code, len(seen.asked)) == (0, 2)
    assert seen.lines[0] == "hub CRITICAL: disk / is 96.4 %, limit 95 %"


def test_a_muted_host_is_no_trouble(user: User) -> None:
    muted = {**HOST, "state": "muted", "own_state": "critical", "sentence": "Muted until 18:00 UTC (x, by ana)."}
    answers = {"GET /agents": listed(muted), "GET /incidents": listed()}
    seen = user.calls("status", "--exit-code", answers=answers)
    assert (seen.code, seen.lines[0]) == (0, "1 host, 1 muted")
    healthy = {**HOST, "agent_id": "a-2", "state": "ok"}
    both = user.calls("status", answers={**answers, "GET /agents": listed(muted, healthy)})
    assert both.lines[0] == "2 hosts, 1 muted, the others ok"
