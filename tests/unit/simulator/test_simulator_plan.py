"""Who is in a fleet, and how the program reads its arguments."""

import subprocess
import sys

import pytest

from cli.exits import ExitCode as TerminalExitCode
from rabbitmq.records import AgentId
from simulator.fleet import ONE_IN, Plan, Totals
from simulator.main import MOST_AGENTS, ExitCode, main
from simulator.trouble import NO_TROUBLE, TROUBLES


def plan(agents: int, trouble: str | None = None) -> Plan:
    chosen = TROUBLES[trouble] if trouble else NO_TROUBLE
    return Plan(agents=agents, interval_seconds=10.0, duration_seconds=1.0, seed=7, trouble=chosen)


def test_every_agent_has_an_id_of_its_own_that_says_what_it_is() -> None:
    ids = [who.agent_id for who in plan(MOST_AGENTS).everybody()]
    assert (ids[0], ids[-1], len(set(ids))) == ("sim-7-0001", "sim-7-5000", MOST_AGENTS)
    pattern = AgentId.__metadata__[0].pattern  # type: ignore[attr-defined]
    assert pattern.startswith("^[a-z0-9-]")


def test_two_share_an_id_and_nothing_else() -> None:
    everybody = list(plan(12, "duplicate-id").everybody())
    assert everybody[0].agent_id == everybody[-1].agent_id == "sim-7-0001"
    assert len({who.agent_id for who in everybody}) == 11
    assert len({who.name for who in everybody}) == 12


def test_the_first_and_every_tenth_after_it_have_the_trouble() -> None:
    everybody = list(plan(25, "cpu-burn").everybody())
    assert [number for number, who in enumerate(everybody) if who.trouble is not NO_TROUBLE] == [0, ONE_IN, 2 * ONE_IN]


def test_the_second_reports_spread_over_an_interval() -> None:
    waits = [who.first_wait_seconds for who in plan(4).everybody()]
    assert waits == [2.5, 5.0, 7.5, 10.0]


def test_a_line_names_losses_only_where_there_are_any() -> None:
    calm = Totals(connected=3, sent=1200, confirmed=1100, waiting=100, reconnects=0, lost=0, skipped=0)
    assert calm.line(3) == "connected 3 of 3  sent 1,200  confirmed 1,100  waiting 100  reconnects 0"
    lossy = Totals(connected=3, sent=1200, confirmed=1100, waiting=100, reconnects=0, lost=7, skipped=9)
    assert "lost 7 (" in lossy.line(3)
    assert "skipped 9 (" in lossy.line(3)


def test_the_exit_codes_are_the_terminals() -> None:
    terminals = {code.value: code.name for code in TerminalExitCode}
    assert {code.value for code in ExitCode} <= set(terminals)
    assert terminals[ExitCode.UNCONFIRMED] == "TRY_AGAIN"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "--agents"),
        ("--agents 0", "from 1 to 5,000"),
        ("--agents 5001", "from 1 to 5,000"),
        ("--agents 1e3", "from 1 to 5,000"),
        ("--agents 1 --interval nan", "from 1 to 300"),
        ("--agents 1 --duration inf", "from 1 to 86400"),
        ("--agents 1 --trouble flood", "choose from"),
        ("--agents 1 --trouble duplicate-id", "--agents 2"),
        ("--agents 1 --frobnicate", "unrecognized"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    arguments: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_bad_settings_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HEALTHMON_RABBITMQ_PORT", "many")
    assert main(["--agents", "1"]) == ExitCode.USAGE
    assert "HEALTHMON_RABBITMQ_PORT" in capsys.readouterr().err


def test_the_help_names_every_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(kind in told for kind in TROUBLES)


def test_it_loads_nothing_that_the_servers_do_not_have() -> None:
    program = "import sys; sys.modules['psutil'] = None; import simulator.main, simulator.fleet; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "agent.collectors" not in loaded.split()
