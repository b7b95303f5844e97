"""`make bench`: prints what an agent and the pipeline cost here. QUICK=1 takes about four minutes instead of ten."""

import os
import platform

from bench import agent_cost, detection_latency, fold_cost, full_spool, pipeline_cost
from bench.stage import stage
from bench.stores import postgres
from faults.row import CannotRun

FULL_COLLECTIONS = {1: 60, 5: 12}  # by interval in seconds
QUICK_COLLECTIONS = {1: 15, 5: 5}


def main() -> int:
    quick = os.environ.get("QUICK") == "1"
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    print(
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores", end=""
    )
    print(f", load before {load}", flush=True)
    for interval_seconds, collections in (QUICK_COLLECTIONS if quick else FULL_COLLECTIONS).items():
        with stage() as standing:
            print(f"agent, a collection each {interval_seconds} s, spooled with fsync, confirmed:", flush=True)
            lines = agent_cost.measure(standing, interval_seconds=interval_seconds, collections=collections)
            print("\n".join(lines), flush=True)
    with stage() as standing:
        print(full_spool.measure(standing), flush=True)
    with stage() as standing:
        print("detection, from a crossing on the host to the alert at the sink:", flush=True)
        print("\n".join(detection_latency.measure(standing, 4 if quick else 15)), flush=True)
    print(fold_cost.line(), flush=True)
    _pipelines(1 if quick else 5)
    return 0


def _pipelines(factor: int) -> None:
    print(f"CPU per 1,000 snapshots of {len(pipeline_cost.READINGS)} readings:", flush=True)
    loads = pipeline_cost.loads(factor)
    with stage() as standing:
        print(" pipeline to SQLite with synchronous=FULL:", flush=True)
        for line in pipeline_cost.measure(standing, loads):
            print(line, flush=True)
    try:
        with stage() as standing, postgres(standing) as server:
            print(" pipeline to PostgreSQL with synchronous_commit=on:", flush=True)
            for line in pipeline_cost.measure(standing, loads, server):
                print(line, flush=True)
    except CannotRun as why:
        print(f" pipeline to PostgreSQL: NOT MEASURED: {why}")


if __name__ == "__main__":
    raise SystemExit(main())
