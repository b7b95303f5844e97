"""The mount table, read again only when the kernel says that it changed: making its text costs more than collecting."""

import os
import select

from agent.host import Host, read_file


def mount_table_path(host: Host) -> str:
    """Where the mounts of the reported system are listed: at process 1 where its /proc is mounted here."""
    return f"{host.proc}/1/mountinfo" if host.is_mounted else f"{host.proc}/self/mountinfo"


class MountTable:
    """One system's table, kept from one collection to the next."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._descriptor: int | None = None
        self._text = b""

    def read(self, host: Host) -> bytes:
        """The text of `/proc/<pid>/mountinfo` as it is now; raises OSError."""
        if self._has_changed(mount_table_path(host)) or not self._text:
            self._text = b""  # a change is told once: if this reading fails, the next call must try again
            self._text = read_file(mount_table_path(host))
        return self._text

    def close(self) -> None:
        if self._descriptor is not None:
            self._poll.unregister(self._descriptor)
            os.close(self._descriptor)
        self._descriptor, self._text = None, b""

    def _has_changed(self, path: str) -> bool:
        """Always, where it is an ordinary file, which tells of no change."""
        if self._descriptor is None:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._poll.register(self._descriptor, select.POLLIN | select.POLLOUT)
        events = [event for _, event in self._poll.poll(0)]
        return events != [select.POLLIN]  # a change adds an error; an ordinary file can be written, too
