"""A whole fleet and the way of its records: who is blamed for silence, and who is not."""

import time

from faults.rig import Rig
from faults.row import row
from faults.run import Run
from store.agents import list_agents
from store.engine import reading
from store.incidents import list_incidents
from store.model import HUB, Agent, Incident

AGENTS = 200
GRACE_SECONDS = 16.0  # after which silence counts at an interval of 5 s
MOST_LISTED = 10 * AGENTS


@row(44, "silence: 200 agents; the broker restarts, the processor is away, the machine dies")
def blame_for_silence(rig: Rig) -> None:
    with rig.running(agents=0) as run:
        fleet = run.program("fleet", "faults.witnessed_simulator", "--agents", str(AGENTS), "--duration", "3600")
        fleet.start()
        run.until(lambda: _are_heard(run, 0), "the fleet is known")
        time.sleep(GRACE_SECONDS)  # from now on silence counts

        run.broker.stop()
        run.broker.start()
        _await_news(run)
        assert not _silent(run), f"the broker's restart blames {_sentences(_silent(run))}"
        restart = _pipeline(run)
        assert len(restart) <= 1, f"one fault, but {_sentences(restart)}"

        (processor,) = run.processors
        processor.kill()
        time.sleep(60 if rig.quick else 300)  # the absence itself
        processor.start()
        run.until(lambda: len(_pipeline(run)) > len(restart), "the absence is told of")
        run.until(lambda: all(one.closed_ms for one in _pipeline(run)), "the backlog is read")
        assert _pipeline(run)[0].is_late, "an absence that is over is history"
        _await_news(run)
        assert not _silent(run), f"the processor's absence blames {_sentences(_silent(run))}"

        fleet.kill()
        seconds = run.until(lambda: len(_silent(run)) == AGENTS, "every agent is known to be silent")
        families = [one for one in _of(run, HUB) if one.key.rule == "group-silent"]
        assert len(families) == 1, f"one machine died, but {_sentences(families)}"
        assert len(_pipeline(run)) == len(restart) + 1, f"the way is whole, but {_sentences(_pipeline(run))}"
        run.bury(agent.agent_id for agent in _agents(run))
        verdict = run.settle()
    assert verdict.judged_agents == AGENTS, f"{verdict.judged_agents} agents judged"
    rig.note(f"{len(restart)} and 1 incidents of the way, none of an agent; a dead fleet known after {seconds:.0f} s")


def _await_news(run: Run) -> None:
    """All are heard again, and then for so long that any silence would show."""
    since_ms = time.time_ns() // 1_000_000
    run.until(lambda: _are_heard(run, since_ms), "all are heard again")
    time.sleep(2 * GRACE_SECONDS)


def _are_heard(run: Run, since_ms: int) -> bool:
    known = _agents(run)
    return len(known) == AGENTS and all(agent.last_seen_ms > since_ms for agent in known)


def _agents(run: Run) -> list[Agent]:
    with reading(run.engine) as connection:
        return list_agents(connection, None, AGENTS + 1)


def _silent(run: Run) -> list[Incident]:
    return [one for one in _of(run, None) if one.key.rule == "agent-silent"]


def _pipeline(run: Run) -> list[Incident]:
    """Newest first."""
    return [one for one in _of(run, HUB) if one.key.rule == "pipeline"]


def _of(run: Run, agent_id: str | None) -> list[Incident]:
    with reading(run.engine) as connection:
        return list_incidents(connection, "all", agent_id, None, MOST_LISTED)


def _sentences(incidents: list[Incident]) -> list[str]:
    return [one.sentence for one in incidents[:5]]
