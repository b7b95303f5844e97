"""What an agent holds in memory while its spool is full and no broker is there."""

import shutil
import tempfile
import time
from pathlib import Path

from agent.agent import SPOOL_FILE
from agent.identity import claim_identity
from agent.spool import DEFAULT_BOUND_BYTES, Spool
from agent.stamp import Stamp, Stamper
from bench.cost import cost_of
from bench.pipeline_cost import READINGS
from bench.stage import Stage
from deploy.local.broker import free_ports
from rabbitmq.records import Snapshot, encode_record

SPOOLED_TIMES = 1.3  # what the bound holds, so that the spool has thinned and dropped as it does in an outage
RUNNING_SECONDS = 10
MEMORY = Path("/dev/shm")  # noqa: S108 syncing each record to a disk would take minutes


def measure(stage: Stage) -> str:
    """A line to print."""
    state_folder = stage.folder / "full"
    with tempfile.TemporaryDirectory(prefix="healthmon-bench-", dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        count = _fill(Path(scratch))
        shutil.copytree(scratch, state_folder)
    (unused_port,) = free_ports(1)
    settings = {"HEALTHMON_STATE_DIR": str(state_folder), "HEALTHMON_RABBITMQ_PORT": str(unused_port)}
    agent = stage.start("agent", "run", HEALTHMON_INTERVAL_SECONDS="1", **settings)
    time.sleep(RUNNING_SECONDS)
    resident_mb = cost_of(agent).resident_bytes / 1e6
    stage.stop_all()
    return f"agent, no broker, {count:,} records in a full spool of 64 MiB: {resident_mb:.1f} MB RSS (goal below 40)"


def _fill(state_folder: Path) -> int:
    """Write as an outage does; returns how many records the spool then holds."""
    identity = claim_identity(state_folder)
    stamp = Stamper(identity.agent_id, "bench")
    spool = Spool(identity.folder / SPOOL_FILE, stamp)
    record_bytes = len(encode_record(_snapshot(stamp(1, 1))))
    for _ in range(int(SPOOLED_TIMES * DEFAULT_BOUND_BYTES) // record_bytes):
        spool.append(_snapshot)
    count = spool.count
    spool.close()
    identity.release()
    return count


def _snapshot(stamp: Stamp) -> Snapshot:
    return Snapshot(**stamp, readings=READINGS, interval_seconds=1.0, scope="host")
