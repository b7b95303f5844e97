"""What the newest results of active checks said, told by the clock once their agent is live again.

A late record tells nobody: it waits for a live one. A check that runs once a day sends none for hours, although its
late result is the newest there is. So its incident becomes news, or ends, as soon as live snapshots show that the agent
is back.
"""

from dataclasses import replace

from processor.check_results import kept_result
from processor.clock_offset import correction_ms
from processor.decision import Decision, Learnt
from processor.fold import origin_by_time
from processor.judgement import Judged, RemedyFinder, judge, restated, silenced
from processor.memory import FleetMemory, mends
from store.model import Agent, Batch, Change, Check


def decide(memory: FleetMemory, find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
    """What is to be told now, to be kept; None when that is nothing. Pure."""
    steps: list[Judged] = []
    names: dict[str, str] = {}
    for key in memory.untold_results():
        agent, check = memory.agent(key.agent_id), memory.checks(key.agent_id).get((key.rule, key.subject))
        if agent is not None and check is not None and agent.is_streaming(now_ms):
            steps.append(_told(check, agent, now_ms, silenced(find_remedies)))
            names[key.agent_id] = agent.name
    if not steps:
        return None
    batch = Batch(
        checks=[step.check for step in steps if step.check is not None],
        incidents=[change for step in steps for change in step.incidents],
        received_ms=now_ms,
    )
    return Decision(batch, Learnt(), names=names)


def _told(check: Check, agent: Agent, now_ms: int, find_remedies: RemedyFinder) -> Judged:
    """What late results left pending counts now; else their incident becomes news, as it was told and kept."""
    offset_ms = correction_ms(agent.clock_offset_ms)
    origin, at_ms = replace(origin_by_time(agent, now_ms), correction_ms=offset_ms), now_ms - offset_ms
    if mends(check) and check.pending is not None:
        seen = kept_result(check, check.pending, at_ms)
        return judge(seen, check, origin, find_remedies, target=check.pending)
    seen = kept_result(check, check.state, at_ms)
    if check.told is not None:
        seen = replace(seen, words={"sentence": check.told.sentence})
    return Judged(None, [replace(restated(seen, check, origin), change=Change.WORSENED)])
