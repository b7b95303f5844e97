"""Text columns that take any text.

PostgreSQL refuses U+0000 and no database takes half a surrogate pair; both come in bytes that nobody could read and
that are kept for people. They are written as the escapes people know.
"""

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


def storable(text: str) -> str:
    """The text with U+0000 and lone surrogates written as `\\x00` and `\\udc80`."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


class AnyText(TypeDecorator[str]):
    """A text column; members of a StrEnum go in as their value."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(str(value))
