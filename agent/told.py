"""A setting that the server may change while the agent runs: what was told is kept until it is taken back."""

import logging
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from agent.files import write_atomically

T = TypeVar("T")

log = logging.getLogger("agent")


class Told(Generic[T]):
    """`now` is in force, `of_settings` when nothing else was told. `form` is the file's, with the setting as `key`."""

    def __init__(self, file: Path, form: type[msgspec.Struct], key: str, words: str, of_settings: T) -> None:
        self._file, self._form, self._key, self._words = file, form, key, words
        self.of_settings = of_settings
        self._told = self._read()

    @property
    def now(self) -> T:
        return self.of_settings if self._told is None else self._told

    @property
    def is_told(self) -> bool:
        return self._told is not None

    def tell(self, setting: T | None) -> None:
        """In force at once and after restarts; None returns to the settings. Raises OSError, and nothing changes."""
        if setting is None:
            self._file.unlink(missing_ok=True)
        else:
            write_atomically(self._file, msgspec.json.encode(self._form(**{self._key: setting})), durable=True)
        self._told = setting

    def _read(self) -> T | None:
        try:
            told: T = getattr(msgspec.json.decode(self._file.read_bytes(), type=self._form), self._key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            reason = str(error)[:200]
            log.warning("%s cannot be read (%s), the %s of the settings", self._file, reason, self._words)
            return None
        return told
