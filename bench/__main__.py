"""`make bench`: prints what an agent and the pipeline cost here. QUICK=1 takes half a minute instead of three."""

import os
import platform

from bench import agent_cost, pipeline_cost
from bench.stage import stage


def main() -> int:
    quick = os.environ.get("QUICK") == "1"
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    with stage() as standing:
        print("agent, one collection a second:", flush=True)
        print("\n".join(agent_cost.measure(standing, seconds=15 if quick else 60)), flush=True)
    with stage() as standing:
        print("pipeline, SQLite with synchronous=FULL:", flush=True)
        print("\n".join(pipeline_cost.measure(standing, agents=20, snapshots_each=200 if quick else 1000)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
