"""What all tests share: a clean environment, and real servers as fixtures that start only when a test asks."""

import importlib.util
import os

for name in [name for name in os.environ if name.startswith("HEALTHMON_")]:
    del os.environ[name]

SERVERS = ("tests.brokers", "tests.databases")
pytest_plugins = [module for module in SERVERS if importlib.util.find_spec(module)]
