"""`make bench`: prints what an agent and the pipeline cost here. QUICK=1 takes half a minute instead of four."""

import os
import platform

from bench import agent_cost, pipeline_cost
from bench.stage import stage

FULL_COLLECTIONS = {1: 60, 5: 12}  # by interval in seconds
QUICK_COLLECTIONS = {1: 15}


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
        print("pipeline, SQLite with synchronous=FULL:", flush=True)
        print("\n".join(pipeline_cost.measure(standing, agents=20, snapshots_each=200 if quick else 1000)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
