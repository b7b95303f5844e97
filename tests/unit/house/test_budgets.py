"""Budgets that serve reading: short functions, small files, comments that are few. Raise one here, with its reason."""

import ast
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM_ROOMS = (
    "agent",
    "processor",
    "helpdesk_api",
    "rabbitmq",
    "knowledge",
    "health",
    "store",
    "cli",
    "console",
    "simulator",
    "deploy",
    "bench",
    "faults",
)

MEDIAN_FUNCTION_LINES = 7
P90_FUNCTION_LINES = 25
LONGEST_FUNCTION_LINES = 60
LONGEST_FILE_LINES = 400
MOST_COMMENTS_PER_100_LINES = 7


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).exists()]


def program_files() -> list[Path]:
    return tracked(*(f"{room}/*.py" for room in PROGRAM_ROOMS))


def function_lengths(files: list[Path]) -> Iterator[tuple[int, str]]:
    """Lines of code of each function, its docstring left out."""
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                yield (node.end_lineno or 0) - first.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}"


def test_functions_are_short() -> None:
    lengths = sorted(function_lengths(program_files()))
    lines = [count for count, _ in lengths]
    too_long = [name for count, name in lengths if count > LONGEST_FUNCTION_LINES]
    assert not too_long
    assert statistics.median(lines) <= MEDIAN_FUNCTION_LINES
    assert lines[len(lines) * 9 // 10] <= P90_FUNCTION_LINES


def test_files_are_small() -> None:
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in tracked("*.py")}
    assert {str(path.relative_to(ROOT)): size for path, size in sizes.items() if size > LONGEST_FILE_LINES} == {}


def test_comments_are_few() -> None:
    lines = [line.strip() for path in program_files() for line in path.read_text("utf-8").splitlines()]
    comments = [line for line in lines if line.startswith("#")]
    assert len(comments) / len(lines) * 100 <= MOST_COMMENTS_PER_100_LINES


@pytest.mark.parametrize("name", ["utils", "common", "helpers", "misc", "tools"])
def test_there_is_no_junk_drawer(name: str) -> None:
    assert not [path for path in tracked("*.py") if name in (path.stem, path.parent.name)]
