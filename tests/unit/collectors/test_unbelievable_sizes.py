"""A file system that tells a size which no record can carry is left out, and takes no hello along."""

from agent.collectors.collector import labelled
from agent.collectors.disk import Disk
from agent.host import Host
from agent.system_information import system_information
from rabbitmq.records import Readings
from tests.unit.collectors.recordings import server_first


class Boasting(Disk):
    """Its root tells more than 64 bits hold, the other one as much as network file systems do."""

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - the same whatever is asked
        sizes = {"/": 2.0**64, "/var": 2.0**63 - 2.0**20}
        return {labelled("disk.total_bytes", "mount", mount): size for mount, size in sizes.items()}


def test_only_sizes_that_a_record_can_carry_are_told() -> None:
    [system] = system_information(server_first(), Boasting()).filesystems
    assert (system.mount, system.size_bytes) == ("/var", 2**63 - 2**20)
