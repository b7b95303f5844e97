"""Every reason for which the processor puts a message aside is explained, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from helpdesk_api.quarantine_reasons import EXPLANATIONS, UNKNOWN, explanation_of

ROOT = Path(__file__).parents[3]
FILES = (*sorted((ROOT / "processor").glob("*.py")), ROOT / "rabbitmq/message.py", ROOT / "store/reused_keys.py")
WORD = re.compile(r"[a-z]+(-[a-z]+)+")


def reasons_in(tree: ast.AST) -> Iterator[str]:
    """Words where reasons stand: in a bad message or record, before a detail, or under a name that says reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("BadMessage", "BadRecord"):
            yield from _words(*node.args)
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and _is_text(node.elts[1]):
            yield from _words(node.elts[0])
        elif isinstance(node, ast.Assign) and any(_says_reason(target) for target in node.targets):
            yield from _words(*ast.walk(node.value))


def _words(*nodes: ast.AST) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
            yield node.value


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _says_reason(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id.lower().endswith("reason")


def test_every_reason_there_is_has_its_explanation() -> None:
    found = {reason for path in FILES for reason in reasons_in(ast.parse(path.read_text("utf-8")))}
    assert {"not-json", "foreign-agent-id", "future-epoch", "key-reused", "store-refused"} <= found
    assert found == set(EXPLANATIONS)


def test_an_explanation_says_what_why_and_what_now() -> None:
    for one in (*EXPLANATIONS.values(), UNKNOWN):
        for sentence in (one.what, one.why, one.now):
            assert sentence.endswith(".")
            assert "  " not in sentence


def test_a_reason_of_another_version_is_explained_as_one() -> None:
    assert explanation_of("from-the-future") is UNKNOWN
