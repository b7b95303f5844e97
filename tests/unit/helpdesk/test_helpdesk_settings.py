"""Settings: later sources win, problems come together with their places, secrets show nowhere."""

from pathlib import Path

import pytest

from configuration.addresses import is_loopback
from configuration.reader import ConfigError
from helpdesk_api.settings import Settings, load_settings

NO_FILE = Path("/nonexistent/helpdesk.toml")
SECRET = "hunter2-hunter2"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "helpdesk.toml"


def problems_of(environment: dict[str, str], config_file: Path = NO_FILE) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment, config_file)
    return caught.value.problems


def test_the_environment_wins_over_the_file_and_that_over_the_defaults(config_file: Path) -> None:
    config_file.write_text('port = 8001\nrabbitmq_host = "mq"\n')
    settings = load_settings({"HEALTHMON_PORT": "8002", "HEALTHMON_RABBITMQ_USER": ""}, config_file)
    assert (settings.port, settings.rabbitmq_host, settings.listen) == (8002, "mq", "127.0.0.1")
    assert settings.rabbitmq_user == "healthmon-helpdesk"  # an empty variable counts as not set


def test_all_problems_are_named_at_once_with_their_places(config_file: Path) -> None:
    config_file.write_text('rabbitmq_port = "many"\nprot = 8001\n')
    told = problems_of({"HEALTHMON_PORT": "0", "HEALTHMON_PUBLIC_URL": "health.example"}, config_file)
    assert len(told) == 4
    assert any(one.startswith(f"{config_file}: rabbitmq_port: 'many' is not usable") for one in told)
    assert any(one.startswith(f"{config_file}: prot: no such setting. There are: admin_key_file,") for one in told)
    assert any(one.startswith("HEALTHMON_PORT: '0' is not usable") for one in told)
    assert any(one.startswith("HEALTHMON_PUBLIC_URL: 'health.example' is not usable") for one in told)


@pytest.mark.parametrize("content", ["port = ", "\x00", "port = 1\nport = 2"])
def test_a_file_that_cannot_be_read_is_a_problem(config_file: Path, content: str) -> None:
    config_file.write_text(content)
    [told] = problems_of({}, config_file)
    assert told.startswith(f"{config_file}: cannot be read: ")


def test_a_notifications_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "notifications.toml"
    [told] = problems_of({"HEALTHMON_NOTIFICATIONS_FILE": str(file)})
    assert told.startswith(f"HEALTHMON_NOTIFICATIONS_FILE: '{file}' is not usable")
    file.touch()
    assert load_settings({"HEALTHMON_NOTIFICATIONS_FILE": str(file)}, NO_FILE).notifications_file == file


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = load_settings({"HEALTHMON_RABBITMQ_PASSWORD_FILE": str(tmp_path / "password")}, NO_FILE)
    assert settings.broker.password == SECRET


def test_a_secret_file_that_is_not_there_or_not_alone_is_a_problem(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    [told] = problems_of({"HEALTHMON_DATABASE_PASSWORD_FILE": missing})
    assert told.startswith(f"HEALTHMON_DATABASE_PASSWORD_FILE: {missing} cannot be read")
    (tmp_path / "missing").write_text(SECRET)
    [told] = problems_of({"HEALTHMON_DATABASE_PASSWORD_FILE": missing, "HEALTHMON_DATABASE_PASSWORD": SECRET})
    assert "both set" in told


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_secret_file_is_a_problem(tmp_path: Path, content: str) -> None:
    (tmp_path / "password").write_text(content)
    [told] = problems_of({"HEALTHMON_RABBITMQ_PASSWORD_FILE": str(tmp_path / "password")})
    assert told.startswith(f"HEALTHMON_RABBITMQ_PASSWORD_FILE: {tmp_path}/password is empty.")


def test_secrets_show_in_no_representation_and_in_no_problem(config_file: Path) -> None:
    given = {
        "HEALTHMON_RABBITMQ_PASSWORD": SECRET,
        "HEALTHMON_DATABASE_PASSWORD": SECRET,
        "HEALTHMON_DATABASE_URL": f"postgresql://healthmon:{SECRET}@db/healthmon",
    }
    settings = load_settings(given, NO_FILE)
    assert SECRET not in f"{settings!r} {settings} {settings.broker!r}"
    config_file.write_text(f'database_url = ["{SECRET}"]\nrabbitmq_password = ["{SECRET}"]\n')
    assert SECRET not in "".join(problems_of({}, config_file))


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.0.2.7", False),
        ("health.example", False),
    ],
)
def test_only_an_address_of_this_machine_alone_does_without_keys(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
    assert Settings(bind=address).keyless is loopback


@pytest.mark.parametrize(
    ("told", "keyless"),
    [
        ({}, True),
        ({"HEALTHMON_LISTEN": "0.0.0.0"}, False),  # noqa: S104
        ({"HEALTHMON_LISTEN": "192.0.2.7", "HEALTHMON_BIND": ""}, False),
        ({"HEALTHMON_LISTEN": "0.0.0.0", "HEALTHMON_BIND": "127.0.0.1"}, True),  # noqa: S104
        ({"HEALTHMON_LISTEN": "0.0.0.0", "HEALTHMON_BIND": "192.0.2.7"}, False),  # noqa: S104
        ({"HEALTHMON_LISTEN": "::1"}, True),
    ],
)
def test_who_listens_on_other_addresses_does_without_keys_only_by_ones_word(
    told: dict[str, str], keyless: bool
) -> None:
    assert load_settings(told, NO_FILE).keyless is keyless
