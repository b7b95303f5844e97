"""A path that a setting names and that must be there, as what it is said to be."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _existing(is_there: Callable[[Path], bool], missing: str) -> AfterValidator:
    def check(path: Path) -> Path:
        try:
            found = is_there(path)
        except OSError as error:  # a folder above it is closed to this user
            raise ValueError(f"cannot be looked at: {error.strerror}") from error
        if not found:
            raise ValueError(missing)
        return path

    return AfterValidator(check)


ExistingFile = Annotated[Path, _existing(Path.is_file, "path does not point to a file")]
ExistingFolder = Annotated[Path, _existing(Path.is_dir, "path does not point to a directory")]
