"""Loads the known problems from their files, one YAML file each. The only place in this folder that reads files."""

from dataclasses import dataclass
from pathlib import Path

from knowledge.model import KnownProblem
from knowledge.problem_file import read_problem
from knowledge.yaml_fields import FileError

PROBLEMS = Path(__file__).parent / "problems"
MAX_FILE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What could be read, by slug; a file with an error is skipped as a whole and its errors are listed."""

    problems: tuple[KnownProblem, ...]
    errors: tuple[FileError, ...] = ()

    def find(self, slug: str) -> KnownProblem | None:
        return next((problem for problem in self.problems if problem.slug == slug), None)


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Read `<slug>.yaml` of a folder, the shipped one by default. Never raises for what stands in a file."""
    folder = folder or PROBLEMS
    if not folder.is_dir():
        return Catalogue((), (FileError(str(folder), None, "is not a folder; no known problem was loaded"),))
    read = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    problems = tuple(result for result in read if isinstance(result, KnownProblem))
    errors = tuple(error for result in read if not isinstance(result, KnownProblem) for error in result)
    return Catalogue(problems, errors)


def _read(path: Path) -> KnownProblem | list[FileError]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return [FileError(str(path), None, f"is larger than {MAX_FILE_BYTES >> 10} KiB; this file is skipped")]
        return read_problem(path.stem, str(path), content.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return [FileError(str(path), None, f"cannot be read: {error}")]
