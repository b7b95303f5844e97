"""The agents of the rig measure the disk that fills by the clock: one that they leave out makes no incident."""

import pytest

from agent import collectors
from faults import scripted_disk
from rabbitmq.readings import METRIC_GROUPS


def test_it_is_measured_wherever_all_metric_groups_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectors, "all_collectors", collectors.all_collectors)
    scripted_disk.install(2)
    (running,) = collectors.all_collectors()
    assert running.collector.name in METRIC_GROUPS
