"""The settings file: all problems at once, each with its place, and no secret in any of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from configuration.notifications import Hours, Kind, load
from configuration.reader import ConfigError
from health.state import State
from processor.notify.sender import Sender
from processor.silence.sentences import Clocks
from store.engine import open_engine

WHOLE = """
[channels.ops-mail]
kind = "apprise"
url_file = "{folder}/mail"

[channels.hook]
kind = "webhook"
url = "https://hub:hunter2@example.org/in?a=b"
secret_file = "{folder}/secret"

[channels.am]
kind = "alertmanager"
url = "http://127.0.0.1:9093"

[[routes]]
channels = ["hook"]
severities = ["critical"]
groups = ["web"]
rules = ["disk-usage"]
time = {{ days = ["mon", "fri"], hours = "22:00-06:00", timezone = "Europe/Berlin" }}
continue = true
remind_every_seconds = 3600
escalate_after_seconds = 900
escalate_to = ["ops-mail"]
grouping_seconds = 0
send_recovery = false

[[routes]]
channels = ["ops-mail", "am"]
"""


def problems(file: Path, content: str) -> list[str]:
    file.write_text(content)
    with pytest.raises(ConfigError) as raised:
        load(file)
    return [problem.removeprefix(f"{file}: ") for problem in raised.value.problems]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notifications.toml"


def test_a_whole_file(file: Path) -> None:
    file.with_name("mail").write_text("mailto://ada:hunter2@example.org\n")
    file.with_name("secret").write_text("hunter2\n")
    file.write_text(WHOLE.format(folder=file.parent))
    settings = load(file)
    assert {name: channel.kind for name, channel in settings.channels.items()} == {
        "ops-mail": Kind.APPRISE,
        "hook": Kind.WEBHOOK,
        "am": Kind.ALERTMANAGER,
    }
    assert settings.channels["ops-mail"].address == "mailto://ada:hunter2@example.org"
    assert settings.channels["hook"].key == b"hunter2"
    first, second = settings.routes
    assert (first.severities, first.groups, first.rules) == ([State.CRITICAL], ["web"], ["disk-usage"])
    assert (first.goes_on, first.remind_every_seconds, first.send_recovery) == (True, 3600, False)
    assert (first.escalate_after_seconds, first.escalate_to, first.grouping_seconds) == (900, ["ops-mail"], 0)
    assert (second.goes_on, second.time, second.grouping_seconds, second.send_recovery) == (False, None, 10, True)
    assert "hunter2" not in repr(settings) + str(settings)


def test_a_secret_file_may_be_named_from_the_folder_of_the_settings(file: Path) -> None:
    file.with_name("desk.secret").write_text("hunter2\n")
    file.write_text('[channels.desk]\nkind = "webhook"\nurl = "http://desk/in"\nsecret_file = "desk.secret"\n')
    assert load(file).channels["desk"].key == b"hunter2"


def test_without_a_file_everything_goes_to_the_log(file: Path) -> None:
    settings = load(file)
    assert [channel.kind for channel in settings.channels.values()] == [Kind.LOG]
    assert [route.channels for route in settings.routes] == [("log",)]


def test_channels_without_routes_are_told_everything(file: Path) -> None:
    file.write_text('[channels.a]\nkind = "log"\n[channels.b]\nkind = "log"\n')
    assert [route.channels for route in load(file).routes] == [("a", "b")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("channels = 1", "channels: input should be a valid "),
        ("a = ", "is not TOML"),
        ('[channels.a]\nkind = "fax"', "channels.a.kind: input should be"),
        ('[channels.a]\nkind = "log"\nurl = "x"', "channels.a: a log channel has neither url nor secret"),
        ('[channels.a]\nkind = "apprise"', "channels.a: url: apprise needs one"),
        ('[channels.a]\nkind = "webhook"\nurl = "http://a"', "channels.a: secret: a webhook is signed"),
        ('[channels.a]\nkind = "webhook"\nurl = "hunter2"\nsecret = "s"', "channels.a: url: not usable"),
        ('[channels.a]\nkind = "alertmanager"\nurl = "http://hunter2 "', "channels.a: url: not usable"),
        ('[channels.a]\nkind = "alertmanager"\nurl = "http://a"\nsecret = "hunter2"', "channels.a: secret: only a"),
        ('[channels.a]\nkind = "apprise"\nurl_file = "/no/such"', "channels.a.url_file: '/no/such' cannot be read"),
        ('[channels.a]\nkind = "apprise"\nurl_file = 7', "channels.a.url_file: '7' cannot be read"),
        ('[channels.a]\nkind = "apprise"\nurl = "hunter2"\nurl_file = "/no"', "channels.a: url and url_file are both"),
        ('[channels.a]\nkind = "log"\nhunter = 1', "channels.a.hunter: no such setting"),
        ('[channels."a b"]\nkind = "log"', "channels.a b: not a usable name"),
        ("[[routes]]\nchannels = []", "routes[1].channels: "),
        ('[[routes]]\nchannels = ["b"]', "routes[1].channels: there is no channel 'b': there are log."),
        ('[[routes]]\nchannels = ["log"]\nseverities = ["red"]', "routes[1].severities[1]: input should be"),
        ('[[routes]]\nchannels = ["log"]\nescalate_to = ["log"]', "routes[1]: escalate_after_seconds and escalate_to"),
        ('[[routes]]\nchannels = ["log"]\nremind_every_seconds = 0', "routes[1].remind_every_seconds: "),
        ('[[routes]]\nchannels = ["log"]\ntime = {days = ["xmas"]}', "routes[1].time: days: 'xmas' is no day"),
        ('[[routes]]\nchannels = ["log"]\ntime = {hours = "9 to 5"}', "routes[1].time: hours: '9 to 5' is not usable"),
        ('[[routes]]\nchannels = ["log"]\ntime = {hours = "09:00-09:00"}', "routes[1].time: hours: they end as"),
        ('[[routes]]\nchannels = ["log"]\ntime = {timezone = "Mars"}', "routes[1].time: timezone: 'Mars' is not known"),
    ],
)
def test_a_problem_names_its_place_and_no_secret(file: Path, content: str, expected: str) -> None:
    found = problems(file, content)
    assert any(problem.startswith(expected) for problem in found), found
    assert "hunter2" not in "".join(found)


def test_all_problems_come_at_once(file: Path) -> None:
    wrong = '[channels.a]\nkind = "fax"\n[channels.b]\nkind = "apprise"\nurl_file = "/no"\n[[routes]]\nchannels = []\n'
    assert len(problems(file, wrong)) == 3


def test_hours_over_midnight_belong_to_the_day_they_begin() -> None:
    hours = Hours(days=["fri"], hours="22:00-06:00", timezone="Europe/Berlin")

    def contain(day: int, hour: int, minute: int = 0) -> bool:
        return hours.contain(round(datetime(2026, 1, day, hour, minute, tzinfo=UTC).timestamp() * 1000))

    friday, saturday = 2, 3  # January 2026; Berlin is an hour ahead
    assert [contain(friday, hour) for hour in (4, 20, 21, 23)] == [False, False, True, True]
    assert [contain(saturday, hour, minute) for hour, minute in ((4, 59), (5, 0), (21, 0))] == [True, False, False]


def test_hours_of_whole_days() -> None:
    weekend = Hours(days=["sat", "sun"])
    thursday_ms = 1_767_225_600_000  # 2026-01-01
    assert [weekend.contain(thursday_ms + day * 86_400_000) for day in range(7)] == [
        *[False, False],
        *[True, True],
        *[False, False, False],
    ]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_an_address_that_apprise_does_not_know_stops_the_start_without_being_shown(
    file: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text('[channels.a]\nkind = "apprise"\nurl = "mailtoo://ada:hunter2@example.org"\n')
    engine = open_engine(f"sqlite:///{file.parent}/store.db")
    with caplog.at_level(1), pytest.raises(ConfigError) as raised:
        Sender(engine, load(file), file, "https://hub", lambda: Clocks(0, 0))
    assert str(raised.value).startswith(f"{file}: channels.a.url: apprise cannot use this URL")
    assert "hunter2" not in str(raised.value) + caplog.text + "".join(capfd.readouterr())
