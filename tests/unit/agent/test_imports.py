"""The agent stays small: what it must never load."""

import subprocess
import sys

HEAVY = ("pydantic", "sqlalchemy", "httpx2", "numpy", "fastapi")
STATUS_FREE_OF = ("pika", "psutil", "sqlite3")


def loaded_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name.partition(".")[0] for name in output.split()}


def test_the_running_agent_loads_no_heavy_library() -> None:
    loaded = loaded_after("import agent.main, agent.agent, agent.preview")
    assert "pika" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_health_check_loads_no_driver() -> None:
    assert loaded_after("import agent.main, agent.status_text").isdisjoint((*HEAVY, *STATUS_FREE_OF))
