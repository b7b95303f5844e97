"""Who is told of incidents: channels and routes, from one TOML file that processor and help desk both read.

    [channels.ops-mail]                     [[routes]]
    kind = "apprise"                        channels = ["ops-mail"]
    url_file = "/run/secrets/ops-mail"      severities = ["critical"]

All problems are collected and reported at once, each with file and key. Secrets show in no problem and no
representation.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from configuration.reader import ConfigError
from configuration.servers import Text
from health.state import State

LOG_CHANNEL = "log"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HTTP_URL = re.compile(r"https?://[^/?#\s]+([/?][^#\s]*)?")
_PRINTABLE = re.compile(r"[!-~]+")


class Kind(StrEnum):
    """What a channel is spoken to with."""

    APPRISE = "apprise"
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"
    LOG = "log"


def _no_secret_in(text: object) -> object:
    """Whatever is wrong with it, it is never shown."""
    return SecretStr(text) if isinstance(text, str) else text


Secret = Annotated[SecretStr, BeforeValidator(_no_secret_in)]
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class Channel(_Table):
    """Where notices go. `url` is apprise's, a web hook's or an Alertmanager's; `secret` signs web hooks."""

    kind: Kind
    url: Secret | None = None
    secret: Secret | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Channel":
        if self.kind is Kind.LOG and (self.url or self.secret):
            raise ValueError("a log channel has neither url nor secret: remove them")
        if self.secret is not None and self.kind is not Kind.WEBHOOK:
            raise ValueError(f"secret: only a webhook has one, not {self.kind}: remove it")
        if self.kind is Kind.WEBHOOK and self.secret is None:
            raise ValueError("secret: a webhook is signed: give secret or secret_file")
        if self.kind is not Kind.LOG and self.url is None:
            raise ValueError(f"url: {self.kind} needs one: give url or url_file")
        if self.kind in (Kind.WEBHOOK, Kind.ALERTMANAGER) and not _is_http(self.address):
            raise ValueError("url: not usable: give http:// or https:// and a host, without spaces and without #")
        return self

    @property
    def address(self) -> str:
        """The URL as it is used, empty for the log. It may hold a password: never shown."""
        return self.url.get_secret_value() if self.url else ""

    @property
    def key(self) -> bytes:
        """What signs."""
        return self.secret.get_secret_value().encode() if self.secret else b""


class Hours(_Table):
    """When a route is used: on these `days`, within `hours` like "22:00-06:00", which belong to the day they begin."""

    days: Annotated[Sequence[str], Field(min_length=1)] = WEEKDAYS
    hours: str = "00:00-24:00"
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _is_usable(self) -> "Hours":
        if unknown := [day for day in self.days if day not in WEEKDAYS]:
            raise ValueError(f"days: {unknown[0]!r} is no day: known are {', '.join(WEEKDAYS)}")
        try:
            ZoneInfo(self.timezone)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"timezone: {self.timezone!r} is not known: give one like Europe/Berlin") from None
        begin, end = self._minutes()
        if begin == end:
            raise ValueError("hours: they end as they begin: leave them out for the whole day")
        return self

    def contain(self, now_ms: int) -> bool:
        local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.timezone))
        minute = local.hour * 60 + local.minute
        today, yesterday = (WEEKDAYS[(local - timedelta(days=back)).weekday()] for back in (0, 1))
        begin, end = self._minutes()
        if begin < end:
            return today in self.days and begin <= minute < end
        return (today in self.days and minute >= begin) or (yesterday in self.days and minute < end)

    def _minutes(self) -> tuple[int, int]:
        """Begin and end in minutes since midnight."""
        begin, dash, end = self.hours.partition("-")
        if not dash:
            raise ValueError(f'hours: {self.hours!r} is not usable: write them like "08:00-18:00"')
        return _minute(begin, self.hours), 24 * 60 if end == "24:00" else _minute(end, self.hours)


class Route(_Table):
    """Which incidents go to which channels: an empty list restricts nothing. The first route that fits decides, unless
    it `goes_on` (`continue` in the file).

    Nobody is reminded while `remind_every_seconds` is None. A problem that nobody acknowledged for
    `escalate_after_seconds` is told to the channels of `escalate_to`, too. The first news goes out at once, what comes
    within `grouping_seconds` after it as one message.
    """

    channels: Annotated[Sequence[str], Field(min_length=1)]
    severities: Sequence[State] = ()
    groups: Sequence[Text] = ()
    rules: Sequence[Text] = ()
    time: Hours | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    remind_every_seconds: Seconds | None = None
    escalate_after_seconds: Seconds | None = None
    escalate_to: Sequence[str] = ()
    grouping_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 10.0
    send_recovery: bool = True

    @model_validator(mode="after")
    def _escalates_wholly(self) -> "Route":
        if (self.escalate_after_seconds is None) != (not self.escalate_to):
            raise ValueError("escalate_after_seconds and escalate_to belong together: give both or none")
        return self


class NotificationSettings(_Table):
    """Channels by name, and routes in the order they are asked."""

    channels: Mapping[str, Channel] = {}
    routes: Sequence[Route] = ()


def load(path: Path) -> NotificationSettings:
    """What the file says; without a file, or without a channel in it, everything goes to the log.

    Channels without any route are all told everything. Raises configuration.reader.ConfigError with every problem.
    """
    problems: list[str] = []
    written = _written(path, problems)
    channels = written.get("channels", {})
    if isinstance(channels, dict):
        resolved = {name: _resolved(path, name, its, problems) for name, its in channels.items()}
        written = {**written, "channels": resolved or {LOG_CHANNEL: {"kind": Kind.LOG}}}
    try:
        settings = NotificationSettings.model_validate(written)
    except ValidationError as error:
        raise ConfigError(problems + [_sentence(path, detail) for detail in error.errors(include_url=False)]) from None
    if not settings.routes:
        everything = Route(channels=tuple(settings.channels))
        settings = settings.model_copy(update={"routes": (everything,)})
    problems += _misnamed(path, settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _written(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}. Let user {os.geteuid()} read it, or remove it.")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:  # neither shows what stands in the file
        problems.append(f"{path}: is not TOML: {error}. Mend the file or remove it.")
    raise ConfigError(problems)


def _resolved(path: Path, name: str, channel: object, problems: list[str]) -> object:
    """The channel with `url` and `secret` in place of the files that hold them; those may be named from its folder."""
    if not isinstance(channel, dict):
        return channel
    place, found = f"{path}: channels.{name}", dict(channel)
    for key in ("url", "secret"):
        file = found.pop(f"{key}_file", None)
        if file is None:
            continue
        if key in found:
            problems.append(f"{place}: {key} and {key}_file are both set. Keep one of them.")
        try:
            found[key] = (path.parent / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, TypeError, ValueError):
            problems.append(f"{place}.{key}_file: {str(file)!r} cannot be read. User {os.geteuid()} must be able to.")
            found.setdefault(key, "http://unreadable.invalid")  # one problem is enough
            continue
        if not found[key]:
            problems.append(f"{place}.{key}_file: {str(file)!r} is empty. Write the {key} into it.")
            found[key] = "http://empty.invalid"
    return found


def _misnamed(path: Path, settings: NotificationSettings) -> list[str]:
    problems = [
        f"{path}: channels.{name}: not a usable name: take up to 63 letters, digits, dots, dashes and underscores."
        for name in settings.channels
        if not _NAME.fullmatch(name)
    ]
    known = ", ".join(settings.channels)
    for place, route in enumerate(settings.routes, 1):
        for key, names in (("channels", route.channels), ("escalate_to", route.escalate_to)):
            problems += [
                f"{path}: routes[{place}].{key}: there is no channel {name!r}: there are {known}."
                for name in names
                if name not in settings.channels
            ]
    return problems


def _sentence(path: Path, detail: Any) -> str:
    """Routes are counted from 1, as people count what they see in the file."""
    place = ""
    for part in detail["loc"]:
        place += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "no such setting; look for a slip of the pen"
    return f"{path}: {place.lstrip('.')}: {message[:1].lower()}{message[1:]}."


def _minute(text: str, hours: str) -> int:
    try:
        at = time.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'hours: {hours!r} is not usable: write them like "08:00-18:00"') from None
    return at.hour * 60 + at.minute


def _is_http(url: str) -> bool:
    return bool(_HTTP_URL.fullmatch(url) and _PRINTABLE.fullmatch(url))
