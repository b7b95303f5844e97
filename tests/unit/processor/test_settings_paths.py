"""A path that cannot be looked at is a setting with a name like any other that is wrong."""

from pathlib import Path

import pytest

from configuration.reader import ConfigError
from processor.settings import load_settings

TOO_LONG = f"/tmp/{'x' * 300}"


def test_what_cannot_be_looked_at_is_named_beside_all_other_problems(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(
            {
                "HEALTHMON_RULES_DIR": TOO_LONG,
                "HEALTHMON_NOTIFICATIONS_FILE": str(tmp_path),
                "HEALTHMON_RABBITMQ_PORT": "0",
            }
        )
    told = dict(problem.split(":", 1) for problem in error.value.problems)
    assert "cannot be looked at: File name too long" in told["HEALTHMON_RULES_DIR"]
    assert "does not point to a file" in told["HEALTHMON_NOTIFICATIONS_FILE"]
    assert "HEALTHMON_RABBITMQ_PORT" in told
