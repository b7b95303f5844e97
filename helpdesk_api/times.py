"""Times as the API writes them: RFC 3339, UTC, with Z, milliseconds when there are any."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer

LAST_MS = 253_402_300_799_999  # the end of the year 9999; a host's clock may be further off, either way


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(min(max(at_ms, 0), LAST_MS) / 1000, UTC)


def rfc3339(at_ms: int) -> str:
    precision = "milliseconds" if at_ms % 1000 else "seconds"
    return moment(at_ms).isoformat(timespec=precision).replace("+00:00", "Z")


def to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _write(at: datetime) -> str:
    return rfc3339(to_ms(at))


Moment = Annotated[AwareDatetime, PlainSerializer(_write, return_type=str, when_used="json")]
