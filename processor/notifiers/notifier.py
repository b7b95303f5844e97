"""What a notifier is: it takes a message and returns, or raises the one error that all of them have."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, runtime_checkable

from store.response import Notice


class NotifierError(Exception):
    """The message was not taken; what is said here is shown to people and holds no secret.

    `permanent`: trying again is useless until somebody mends something. `is_unsure`: it may have arrived all the same.
    """

    def __init__(self, sentence: str, *, permanent: bool = False, is_unsure: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent
        self.is_unsure = is_unsure


@dataclass(frozen=True, slots=True)
class Message:
    """One or more notices that go out together."""

    notices: Sequence[Notice]

    @property
    def key(self) -> str:
        """The same whenever the same notices are sent again."""
        keys = sorted(notice.dedup_key for notice in self.notices)
        return keys[0] if len(keys) == 1 else f"{len(keys)}-{sha256(' '.join(keys).encode()).hexdigest()[:32]}"


class Notifier(Protocol):
    def send(self, message: Message) -> str:
        """Deliver it and return the receiver's answer in a few words. Raises NotifierError."""
        ...


@runtime_checkable
class Repeating(Protocol):
    """A notifier whose receiver forgets what is not said again."""

    def repeat(self, standing: Sequence[Notice]) -> str:
        """Say how these incidents are now. Raises NotifierError."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A notifier whose messages hold only so much."""

    def carries(self, message: Message) -> bool:
        """Whether one message says all of it: what it does not carry goes with the next one."""
        ...
