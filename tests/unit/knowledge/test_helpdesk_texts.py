"""The catalogue against real error texts kept outside the project.

They lie beside the checkout or where HELPDESK_TEXTS says: one JSON object a line with `text`, `expected` (a
slug, or null for an ordinary line) and `also_ok` (other right answers).
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from knowledge.model import Confidence

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3].parent / "shared" / "helpdesk" / "dev.jsonl"
TEXTS = Path(os.environ.get("HELPDESK_TEXTS") or BESIDE_THE_CHECKOUT)
CATALOGUE = load_catalogue()
MATCHER = Matcher(CATALOGUE.problems)
SLUGS = {problem.slug for problem in CATALOGUE.problems}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    if not TEXTS.is_file():
        missing = f"no help desk texts at {TEXTS}; name the file in HELPDESK_TEXTS"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()]


def test_a_known_problem_comes_first_on_all_its_texts(rows: list[Row]) -> None:
    known = [row for row in rows if row["expected"] in SLUGS]
    assert known
    assert [(row["id"], row["expected"]) for row in known if _slugs(row)[:1] != [row["expected"]]] == []


def test_ordinary_lines_match_nothing(rows: list[Row]) -> None:
    ordinary = [row for row in rows if row["expected"] is None]
    assert ordinary
    assert [(row["id"], _slugs(row)) for row in ordinary if _slugs(row)] == []


def test_no_text_of_another_problem_is_claimed_as_exact(rows: list[Row]) -> None:
    others = [row for row in rows if row["expected"] is not None and row["expected"] not in SLUGS]
    claimed = [(row["id"], row["expected"], set(_exact(row)) - set(row["also_ok"])) for row in others]
    assert [claim for claim in claimed if claim[2]] == []


def _slugs(row: Row) -> list[str]:
    return [match.slug for match in MATCHER.match_text(row["text"])]


def _exact(row: Row) -> list[str]:
    return [match.slug for match in MATCHER.match_text(row["text"]) if match.confidence is Confidence.EXACT]
