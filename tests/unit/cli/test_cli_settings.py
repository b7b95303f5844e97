"""Where the help desk is and who asks: the key goes there, is never printed, and goes nowhere else."""

from pathlib import Path

import pytest

from cli.exits import Trouble
from cli.settings import load_settings
from tests.unit.cli.desk_stub import HEALTHY, User, listed, problem

CALM = {"GET /agents": listed(HEALTHY), "GET /incidents": listed()}
KEYS = {"GET /keys": listed()}


def test_the_address_comes_from_the_option_then_the_environment_then_this_machine() -> None:
    assert load_settings({}).url == "http://127.0.0.1:8000"
    environment = {"HEALTHMON_URL": "https://desk.example/"}
    assert load_settings(environment).url == "https://desk.example"
    assert load_settings(environment, "http://other:9").url == "http://other:9"


def test_url_and_color_may_stand_behind_the_verb(user: User) -> None:
    for arguments in (("--url", "http://desk:9", "status"), ("status", "--url=http://desk:9", "--color", "always")):
        assert user.calls(*arguments, answers=CALM).asked[0].url.host == "desk"


@pytest.mark.parametrize(
    "url", ["desk:8000", "ftp://desk", "http://", "http://ana:secret@desk", "http://desk:99999", "http://d/?k=secret"]
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(user: User, url: str) -> None:
    seen = user.calls("--url", url, "status")
    assert seen.code == 64
    assert "--url or HEALTHMON_URL" in seen.err
    assert "secret" not in seen.err


def test_the_key_travels_in_the_header(user: User, tmp_path: Path) -> None:
    user.environment["HEALTHMON_API_KEY"] = "healthmon_abc"
    assert user.calls("status", answers=CALM).asked[0].headers["authorization"] == "Bearer healthmon_abc"
    file = tmp_path / "key"
    file.write_text("healthmon_filed\n")
    user.environment = {"HEALTHMON_API_KEY_FILE": str(file)}
    assert user.calls("status", answers=CALM).asked[0].headers["authorization"] == "Bearer healthmon_filed"


def test_without_a_key_no_header_is_sent(user: User) -> None:
    assert "authorization" not in user.calls("status", answers=CALM).asked[0].headers


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "caf\u00e9", "x" * 1000])
def test_what_can_be_no_key_is_refused_without_repeating_it(user: User, key: str) -> None:
    user.environment["HEALTHMON_API_KEY"] = key
    seen = user.calls("status")
    assert (seen.code, seen.asked) == (64, [])
    assert key not in seen.err


def test_a_key_given_twice_is_a_usage_error(user: User) -> None:
    user.environment |= {"HEALTHMON_API_KEY": "a", "HEALTHMON_API_KEY_FILE": "b"}
    assert user.calls("status").code == 64


def test_a_key_is_not_in_the_settings_shown() -> None:
    assert "hidden" not in repr(load_settings({"HEALTHMON_API_KEY": "hidden"}))


def test_administration_uses_the_local_key_file_before_the_users_key(user: User, tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    file.write_text("healthmon_local\n")
    user.environment |= {"HEALTHMON_ADMIN_KEY_FILE": str(file), "HEALTHMON_API_KEY": "healthmon_mine"}
    assert user.calls("keys", "list", answers=KEYS).asked[0].headers["authorization"] == "Bearer healthmon_local"
    assert user.calls("status", answers=CALM).asked[0].headers["authorization"] == "Bearer healthmon_mine"


def test_the_local_key_never_goes_to_another_machine(user: User, tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    file.write_text("healthmon_local\n")
    user.environment |= {"HEALTHMON_ADMIN_KEY_FILE": str(file), "HEALTHMON_API_KEY": "healthmon_mine"}
    seen = user.calls("--url", "https://desk.example", "keys", "list", answers=KEYS)
    assert seen.asked[0].headers["authorization"] == "Bearer healthmon_mine"


def test_administration_without_any_key_says_where_to_find_one(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = user.calls("keys", "list")
    assert (seen.code, seen.asked) == (77, [])
    assert "docker-compose exec helpdesk healthmon keys list" in seen.err


def test_an_administration_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"admin\.key cannot be used: no such file") as raised:
        load_settings({"HEALTHMON_ADMIN_KEY_FILE": str(tmp_path / "admin.key")}, administration=True)
    assert raised.value.code == 77


@pytest.mark.parametrize("status", [401, 403])
def test_not_allowed_is_77_with_the_help_desks_advice(user: User, status: int) -> None:
    refusal = problem(status, "A key is needed here. Make one: healthmon keys create --role viewer")
    seen = user.calls("status", answers={"GET /agents": refusal})
    assert (seen.code, seen.out) == (77, "")
    assert seen.err == "Not allowed: A key is needed here. Make one: healthmon keys create --role viewer\n"
