"""What all tests share: a clean environment, and real servers as fixtures that start only when a test asks."""

import importlib.util
import logging
import os
from collections.abc import Iterator

import pytest

for name in [name for name in os.environ if name.startswith("HEALTHMON_")]:
    del os.environ[name]

SERVERS = ("tests.brokers", "tests.databases")
pytest_plugins = [module for module in SERVERS if importlib.util.find_spec(module)]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A program that a test runs in this process sets logging up, to a stream that ends with the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
