"""The user of these tests."""

import pytest

from tests.unit.cli.desk_stub import User


@pytest.fixture
def user(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("COLUMNS", "80")
    return User(capsys)
