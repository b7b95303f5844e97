"""The real simulator, thousands of agents in one process, with the witness at each spool and link."""

import os
import sys
from pathlib import Path

from faults.witness import Journal
from faults.witnessed_agent import JOURNAL, watch_link, watch_spool
from simulator.main import main as simulator_main


def main() -> int:
    journal = Journal(Path(os.environ[JOURNAL]))
    watch_spool(journal)
    watch_link(journal)
    return simulator_main(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
