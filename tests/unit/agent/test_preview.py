"""The snapshot as a person reads it before it is sent."""

from agent.preview import preview_lines
from rabbitmq.records import Snapshot
from tests.unit.agent.stamping import stamper


def test_labels_and_errors_are_printed_with_their_control_characters_written_out() -> None:
    readings = {'disk.usage_percent{mount="/mnt\x1b[2J"}': 12.0, "load.1m": 0.5}
    snapshot = Snapshot(
        **stamper()(1, 1), readings=readings, interval_seconds=5.0, scope="host", errors={"disk": "slow\n100 % ok"}
    )
    lines = preview_lines(snapshot)
    assert all(line.isprintable() for line in lines)
    assert lines[0] == 'disk.usage_percent{mount="/mnt\\x1b[2J"}  12'
    assert lines[1].index("0.5") == lines[0].index("12")
    assert lines[2] == "disk not measured: slow\\n100 % ok"
