"""A fresh store for each test of the notice desk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.processor.notify.hub import Hub, settings_of, store_at

NewHub = Callable[..., Hub]


@pytest.fixture
def new_hub(sqlite_template: Path, tmp_path: Path) -> Iterator[NewHub]:
    """Takes routes as `settings_of` does."""
    engine = store_at(tmp_path / "store.db", sqlite_template)
    yield lambda *routes, **named: Hub(engine, settings_of(*routes, **named))
    engine.dispose()
