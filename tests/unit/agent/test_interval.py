"""The interval that was told: in force at once, kept over restarts, given back by None."""

from pathlib import Path

import pytest

from agent.interval import INTERVAL_FILE, Interval


def test_what_was_told_outlives_the_agent(tmp_path: Path) -> None:
    interval = Interval(tmp_path, 5.0)
    interval.tell(2.0)
    assert (interval.seconds, Interval(tmp_path, 5.0).seconds, Interval(tmp_path, 5.0).is_told) == (2.0, 2.0, True)


def test_none_returns_to_the_settings(tmp_path: Path) -> None:
    interval = Interval(tmp_path, 5.0)
    interval.tell(2.0)
    interval.tell(None)
    interval.tell(None)
    assert (interval.seconds, Interval(tmp_path, 7.0).seconds) == (5.0, 7.0)


@pytest.mark.parametrize(
    "content", ["", "half a fi", '{"schema":"agent-interval/1","interval_seconds":0.1}', "[" * 9999]
)
def test_a_damaged_file_is_as_none(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / INTERVAL_FILE).write_text(content)
    assert Interval(tmp_path, 5.0).seconds == 5.0
    assert "the interval is that of the settings" in caplog.text


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path) -> None:
    interval = Interval(tmp_path / "not-there", 5.0)
    with pytest.raises(OSError, match="No such file"):
        interval.tell(2.0)
    assert interval.seconds == 5.0
