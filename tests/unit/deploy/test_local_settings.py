"""What the local stack's programs are told, and which settings stop it."""

import socket
from pathlib import Path

import pytest

from deploy.local.broker import EVERYWHERE
from deploy.local.settings import BadSettings, read_settings, require_free_ports
from deploy.local.stack import welcome
from rabbitmq.topology import AGENT_USER, HELPDESK_USER

VAR = Path("/srv/healthmon/var")


def test_programs_agree_on_ports_and_database_without_any_setting() -> None:
    settings = read_settings({}, VAR)
    environment = settings.program_environment(AGENT_USER)
    assert environment["HEALTHMON_RABBITMQ_PORT"] == str(settings.broker.ports.amqp) == "5673"
    assert environment["HEALTHMON_DATABASE_URL"] == "sqlite:////srv/healthmon/var/healthmon.db"
    assert environment["HEALTHMON_RABBITMQ_PASSWORD"] == AGENT_USER


def test_a_program_gets_its_own_password_and_no_other() -> None:
    secrets = {
        "HEALTHMON_AGENT_PASSWORD": "of the agent",
        "HEALTHMON_HELPDESK_PASSWORD": "of the help desk",
        "HEALTHMON_RABBITMQ_ADMIN_PASSWORD": "of the administrator",
    }
    environment = read_settings(secrets, VAR).program_environment(AGENT_USER)
    assert environment["HEALTHMON_RABBITMQ_PASSWORD"] == "of the agent"
    assert "of the help desk" not in environment.values()
    assert "of the administrator" not in environment.values()


def test_a_password_in_a_file_stays_in_the_file() -> None:
    settings = read_settings({"HEALTHMON_HELPDESK_PASSWORD_FILE": "/run/secret"}, VAR)
    environment = settings.program_environment(HELPDESK_USER)
    assert environment["HEALTHMON_RABBITMQ_PASSWORD_FILE"] == "/run/secret"
    assert "HEALTHMON_RABBITMQ_PASSWORD" not in environment


def test_a_users_own_setting_reaches_the_programs() -> None:
    environment = read_settings({"HEALTHMON_INTERVAL_SECONDS": "1"}, VAR).program_environment(AGENT_USER)
    assert environment["HEALTHMON_INTERVAL_SECONDS"] == "1"


def test_what_the_user_wrote_reaches_the_programs_when_it_is_there(tmp_path: Path) -> None:
    files = {
        "HEALTHMON_NOTIFICATIONS_FILE": tmp_path / "server" / "notifications.toml",
        "HEALTHMON_RULES_DIR": tmp_path / "server" / "rules",
        "HEALTHMON_AGENT_FILE": tmp_path / "agent" / "agent.toml",
    }
    without = read_settings({}, VAR, tmp_path).program_environment(AGENT_USER)
    assert without.keys().isdisjoint(files)
    for file in files.values():
        file.parent.mkdir(exist_ok=True)
        file.touch()
    given = read_settings({}, VAR, tmp_path).program_environment(AGENT_USER)
    assert {name: given[name] for name in files} == {name: str(file) for name, file in files.items()}
    own = read_settings({"HEALTHMON_AGENT_FILE": "/own"}, VAR, tmp_path).program_environment(AGENT_USER)
    assert own["HEALTHMON_AGENT_FILE"] == "/own"


def test_all_bad_ports_are_named_together() -> None:
    with pytest.raises(BadSettings) as problems:
        read_settings({"HEALTHMON_PORT": "http", "HEALTHMON_AMQP_PORT": "70000"}, VAR)
    assert "HEALTHMON_PORT is 'http'" in str(problems.value)
    assert "HEALTHMON_AMQP_PORT is '70000'" in str(problems.value)


def test_two_services_cannot_share_a_port() -> None:
    with pytest.raises(BadSettings, match="HEALTHMON_AMQP_PORT, HEALTHMON_PORT name the same port"):
        read_settings({"HEALTHMON_AMQP_PORT": "8000"}, VAR)


@pytest.mark.parametrize("bind", ["203.0.113.9", "no-such-host.invalid"])
def test_an_address_that_is_not_here_is_named_and_no_port_is_blamed(bind: str) -> None:
    with pytest.raises(BadSettings) as problems:
        require_free_ports(read_settings({"HEALTHMON_BIND": bind}, VAR))
    assert f"HEALTHMON_BIND is '{bind}', which is no address of this machine" in str(problems.value)
    assert "in use" not in str(problems.value)


def test_a_port_that_somebody_holds_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(BadSettings, match=f"Port {port}, wanted for the help desk, is in use.*HEALTHMON_PORT"):
            require_free_ports(read_settings({"HEALTHMON_PORT": str(port)}, VAR))


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://localhost:8000"),
        (EVERYWHERE, "http://localhost:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_links_lead_to_where_the_help_desk_listens(bind: str, url: str) -> None:
    environment = read_settings({"HEALTHMON_BIND": bind}, VAR).program_environment(HELPDESK_USER)
    assert environment["HEALTHMON_PUBLIC_URL"] == url


def test_the_welcome_tells_how_to_reach_the_broker_and_no_secret() -> None:
    told = welcome(read_settings({"HEALTHMON_AMQP_PORT": "5999", "HEALTHMON_AGENT_PASSWORD": "hunter2"}, VAR))
    simulate = "HEALTHMON_RABBITMQ_PORT=5999 HEALTHMON_AGENT_PASSWORD=<that of .env> .venv/bin/healthmon simulate"
    assert simulate in told
    assert "hunter2" not in told


def test_no_secret_is_in_the_representation() -> None:
    assert "hunter2" not in repr(read_settings({"HEALTHMON_AGENT_PASSWORD": "hunter2"}, VAR))


@pytest.mark.parametrize(
    ("bind", "listeners"),
    [
        ("127.0.0.1", ["127.0.0.1:5673"]),
        ("localhost", ["127.0.0.1:5673"]),
        (EVERYWHERE, ["0.0.0.0:5673"]),
        ("192.0.2.7", ["127.0.0.1:5673", "192.0.2.7:5673"]),
    ],
)
def test_amqp_listens_where_it_is_bound_and_the_management_page_on_the_loopback(
    tmp_path: Path, bind: str, listeners: list[str]
) -> None:
    plan = read_settings({"HEALTHMON_BIND": bind}, tmp_path).broker
    plan.prepare()
    lines = (plan.folder / "rabbitmq.conf").read_text().splitlines()
    assert sorted(line.split(" = ")[1] for line in lines if line.startswith("listeners.tcp.")) == listeners
    assert "management.tcp.ip = 127.0.0.1" in lines
