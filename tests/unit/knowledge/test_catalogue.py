"""Broken files: every mistake is named with file, line and what is allowed; the other files load."""

from pathlib import Path

import pytest

from knowledge.catalogue import MAX_FILE_BYTES, load_catalogue

GOOD = """\
title: A pump is broken
meaning: It does not pump.
severity: warning
patterns:
  exact: ['pump (?P<name>\\w+) broke']
steps:
  - {text: Look at it, command: 'look -- {name}'}
verify: look -- {name=P1} shows that it runs
examples:
  must_match:
    - {text: pump P7 broke, captured: {name: P7}}
  must_not_match: [all is well]
"""


def _errors(folder: Path, text: str) -> list[str]:
    (folder / "pump-broken.yaml").write_text(text, encoding="utf-8")
    return [str(error).removeprefix(f"{folder}/") for error in load_catalogue(folder).errors]


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    assert _errors(tmp_path, GOOD) == []
    problem = load_catalogue(tmp_path).find("pump-broken")
    assert problem is not None
    assert problem.steps[0].command == "look -- {name}"
    assert problem.must_match[0].captured == {"name": "P7"}
    assert load_catalogue(tmp_path).find("disk-full") is None


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("severity: warning", "severity: hi", "pump-broken.yaml:3: severity is 'hi'; use critical, warning or info"),
        ("verify: look", "verfiy: look", "pump-broken.yaml:8: the file has the unknown key 'verfiy'; use title, "),
        ("title: A pump is broken\n", "", "pump-broken.yaml:1: the file lacks title"),
        ("meaning: It", "title: It", "pump-broken.yaml:2: the file has 'title' twice"),
        ("title: A pump is broken", "title: [a]", "pump-broken.yaml:1: title must be a text"),
        ("'pump (?P<name>\\w+) broke'", "'pump (?P<name>\\w+) (?!not)'", "look-arounds and back-references are not"),
        ("'pump (?P<name>\\w+) broke'", "'(?P<name>\\w)\\1'", "uses '\\\\1'; look-arounds and back-references"),
        ("'pump (?P<name>\\w+) broke'", "'(?P<name>\\w'", "cannot be read: missing )"),
        ("'pump (?P<name>\\w+) broke'", "'(?P<name>\\w*)'", "matches the empty text; it would match everything"),
        ("exact: [", "sure: [", "pump-broken.yaml:5: patterns has the unknown key 'sure'; use exact or likely"),
        ("exact: ['pump (?P<name>\\w+) broke']", "exact: pump", "pump-broken.yaml:5: patterns.exact must be a list"),
        ("{text: Look at it, command", "{txt: Look at it, command", "pump-broken.yaml:7: steps[0] has the unknown key"),
        ("look -- {name}'", "look -- {nme}'", "pump-broken.yaml:7: placeholder {nme} is captured nowhere; use name"),
        ("  must_not_match: [all is well]\n", "", "patterns need examples: must_match and must_not_match"),
        ("title: A pump", "title: A: pump", "pump-broken.yaml:1: is not YAML: mapping values are not allowed here"),
        (
            "steps:\n  - {text: Look at it, command: 'look -- {name}'}",
            "steps: []",
            "steps is empty; say what to do first",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_is_allowed(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in GOOD
    errors = _errors(tmp_path, GOOD.replace(old, new))
    assert any(error in found for found in errors), errors
    assert load_catalogue(tmp_path).problems == ()


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "{}", "!!python/object:os.system {}", "a: &a [*a]"])
def test_any_other_text_is_an_error_and_not_a_crash(tmp_path: Path, text: str) -> None:
    assert _errors(tmp_path, text)


def test_all_mistakes_of_all_files_are_reported_at_once_and_good_files_load(tmp_path: Path) -> None:
    (tmp_path / "good-pump.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "Bad Name.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.yaml").write_text("#" * (MAX_FILE_BYTES + 1), encoding="utf-8")
    errors = _errors(tmp_path, GOOD.replace("severity: warning", "severity: hi").replace("verify", "verfiy"))
    assert [problem.slug for problem in load_catalogue(tmp_path).problems] == ["good-pump"]
    assert len([error for error in errors if error.startswith("pump-broken")]) == 3
    for expected in (
        "'Bad Name' is none; use small letters",
        "binary.yaml: cannot be read",
        "huge.yaml: is larger than",
    ):
        assert any(expected in error for error in errors), errors


def test_a_problem_needs_patterns_or_symptoms(tmp_path: Path) -> None:
    bare = "title: t\nmeaning: m\nseverity: info\nsteps: [{text: s}]\nverify: v\n"
    assert _errors(tmp_path, bare) == [
        "pump-broken.yaml:1: nothing leads to this problem; give it patterns or symptoms"
    ]
    assert (
        _errors(tmp_path, bare + "symptoms: [{rule: cpu-usage, severity: warning, labels: {core: '[0-9]*'}}]\n") == []
    )
    assert (
        "severity is 'soon'; use critical, warning or info"
        in _errors(tmp_path, bare + "symptoms: [{rule: cpu-usage, severity: soon}]\n")[0]
    )


@pytest.mark.parametrize(
    ("symptom", "error"),
    [
        ("{rule: load, confidence: weak}", None),
        ("{rule: load, confidence: exact}", "symptoms[0].confidence is 'exact'; use likely or weak"),
        ("{rule: load, labels: {said: '(?P<port>'}}", "symptoms[0].labels.said: expression '(?P<port>' cannot be read"),
    ],
)
def test_a_symptom_says_how_sure_it_is(tmp_path: Path, symptom: str, error: str | None) -> None:
    bare = f"title: t\nmeaning: m\nseverity: info\nsteps: [{{text: s}}]\nverify: v\nsymptoms: [{symptom}]\n"
    found = _errors(tmp_path, bare)
    assert (found == []) if error is None else (error in found[0])


def test_what_a_symptom_names_within_a_label_may_stand_in_a_step(tmp_path: Path) -> None:
    bare = "title: t\nmeaning: m\nseverity: info\nsteps: [{text: 'see {port}'}]\nverify: v\nsymptoms: "
    assert _errors(tmp_path, bare + "[{rule: load, labels: {said: '(?P<port>[0-9]+)'}}]\n") == []
    [error] = _errors(tmp_path, bare + "[{rule: load, labels: {said: '[0-9]+'}}]\n")
    assert "placeholder {port} is captured nowhere; use said" in error


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    catalogue = load_catalogue(tmp_path / "nowhere")
    assert catalogue.problems == ()
    assert "nowhere: is not a folder" in str(catalogue.errors[0])
