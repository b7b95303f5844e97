"""Times as the API writes them: RFC 3339, UTC, with Z, milliseconds when there are any."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer


def rfc3339(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds").replace("+00:00", "Z")


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _write(at: datetime) -> str:
    return rfc3339(to_ms(at))


Moment = Annotated[AwareDatetime, PlainSerializer(_write, return_type=str, when_used="json")]
