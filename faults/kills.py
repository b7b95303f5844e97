"""Random kills: agents, processor and broker 60 : 35 : 5, started again at once, hit again before they recovered."""

import time
from typing import TYPE_CHECKING

from faults.checker import Excuse

if TYPE_CHECKING:
    from faults.rig import Rig

BY_CHANCE = Excuse(quarantines=("killed-the-processor",))  # two kills may meet the same message
WEIGHTS = {"agent": 60, "processor": 35, "broker": 5}
LONGEST_PAUSE_SECONDS = 1.5
CAPPED = {"HEALTHMON_RECONNECT_MAX_SECONDS": "2", "FAULTS_LONGEST_BACK_OFF_SECONDS": "2"}


def random_kills(rig: "Rig", count: int, database: str = "sqlite") -> None:
    """All of it must be accounted for in the end, whoever died when."""
    victims = rig.random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    with rig.running(agents=5, processors=1, database=database, settings=CAPPED, excuse=BY_CHANCE) as run:
        run.flow(1)
        for victim in victims:
            time.sleep(rig.random.uniform(0, LONGEST_PAUSE_SECONDS))  # the instant of the kill is the fault
            if victim == "broker":
                run.broker.kill()
                run.broker.start()
            else:
                program = rig.random.choice(run.agents if victim == "agent" else run.processors)
                program.kill()
                program.start()
        run.settle(within_seconds=600)
    rig.note(", ".join(f"{victims.count(name)} {name}" for name in WEIGHTS))
