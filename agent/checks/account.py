"""As whom a command runs: the agent's own user, or one that is named, when the agent is root."""

import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """Name and home of a user; the ids are None where nothing has to be changed to be that user."""

    name: str
    home: str
    user_id: int | None = None
    group_id: int | None = None
    groups: tuple[int, ...] | None = None

    @classmethod
    def of(cls, user: str | None) -> "Account":
        """The named user, or the agent's own for None. Raises LookupError for a name that is not known here."""
        if user is None:
            return cls._own()
        entry = pwd.getpwnam(user)
        if entry.pw_uid == os.geteuid():
            return cls(entry.pw_name, entry.pw_dir)
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
        return cls(entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid, groups)

    @classmethod
    def _own(cls) -> "Account":
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError:  # a container may run under a number without a name
            return cls(str(os.geteuid()), "/")
        return cls(entry.pw_name, entry.pw_dir)


def why_not_as(user: str) -> str:
    """Why this agent cannot run a command as `user`; empty when it can."""
    try:
        account = Account.of(user)
    except KeyError:
        return "this host has no such user."
    if account.user_id is not None and os.geteuid() != 0:
        return "only an agent that runs as root can run a check as another user; run the agent as root or leave it out."
    return ""
