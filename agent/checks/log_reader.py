"""New lines of a file that others write, rotate and truncate."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

MOST_BYTES = 4 * 1024 * 1024  # of one file in one reading
LINE_BYTES = 8192  # a longer line is read as several


class LogReader:
    """Remembers how far it read, by holding the file open: what is written up to a rotation is read after it.

    `skipped_bytes` of the last reading were more than MOST_BYTES before the end of the file.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._begins_at_end = True
        self._current: BinaryIO | None = None
        self._rotated: BinaryIO | None = None  # writers may hold the old file for a while
        self.skipped_bytes = 0

    def new_lines(self) -> Iterator[str]:
        """The whole lines written since the last reading; from the end at first. Raises OSError."""
        self.skipped_bytes = 0
        if self._rotated is not None:
            yield from self._rest(self._rotated, is_over=True)
            self._rotated.close()
            self._rotated = None
        if self._current is None:
            self._current = self._opened()
            if self._begins_at_end:
                self._current.seek(0, os.SEEK_END)
        yield from self._rest(self._current)
        if self._is_another(self._current):
            self._rotated, self._current = self._current, self._opened()
            yield from self._rest(self._current)

    def __del__(self) -> None:
        for stream in filter(None, (self._current, self._rotated)):
            stream.close()

    def _opened(self) -> BinaryIO:
        """A file that is not there yet is read from its beginning, once it is."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            self._begins_at_end = False
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no regular file")
        return os.fdopen(descriptor, "rb")

    def _is_another(self, stream: BinaryIO) -> bool:
        """Whether the name belongs to another file by now; while it belongs to none, the old one is read on."""
        with suppress(FileNotFoundError):
            return not os.path.samestat(os.fstat(stream.fileno()), os.stat(self._file))  # noqa: PTH116
        return False

    def _rest(self, stream: BinaryIO, *, is_over: bool = False) -> Iterator[str]:
        """Lines from where it stands to its present end; the last without its end only when the file `is_over`."""
        size_bytes, position = os.fstat(stream.fileno()).st_size, stream.tell()
        if size_bytes < position:
            position = stream.seek(0)
        if size_bytes - position > MOST_BYTES:
            self.skipped_bytes += size_bytes - MOST_BYTES - position
            position = stream.seek(size_bytes - MOST_BYTES)
        while position < size_bytes:
            line = stream.readline(LINE_BYTES)
            is_whole = line.endswith(b"\n") or len(line) == LINE_BYTES or is_over
            if not line or not is_whole:
                stream.seek(position)
                return
            position += len(line)
            yield line.decode("utf-8", "replace").rstrip("\r\n")
