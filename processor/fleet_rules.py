"""The rules that look at all agents at once: "more than 20 % of group web"."""

from collections.abc import Sequence

from health.state import URGENCY, State
from processor.evaluators.fleet import Share, share_in_trouble
from processor.judgement import Judged, Origin, closed
from processor.observation import Observation
from processor.past import Fleet
from processor.rule import Rule
from processor.rule_files import FILES_RULE
from processor.rule_set import RuleSet
from store.model import HUB, Agent


def observe_fleet(rules: Sequence[Rule], memory: Fleet, now_ms: int) -> list[Observation]:
    """One observation of the hub for each rule and group; nothing of what is plainly well, or not known.

    1. Who is silent counts neither as well nor as in trouble. While so few are heard that the group is too small,
       nothing moves.
    2. A group that really became too small, or that no rule names any more, is in no trouble.
    """
    observations: list[Observation] = []
    for rule in rules:
        known = {subject for rule_id, subject in memory.checks(HUB) if rule_id == rule.rule_id}
        groups = {_subject(group): group for group in sorted(rule.groups)} or {"": ""}
        for subject, group in groups.items():
            members = [
                agent
                for agent in memory.agents.values()
                if agent.goodbye_ms is None and group in ("", agent.group_name)
            ]
            heard = [agent for agent in members if agent.is_streaming(now_ms)]
            if len(heard) < rule.minimum_agents <= len(members):
                continue
            states = [(agent.name, _state(rule, agent, memory)) for agent in heard]
            share = share_in_trouble(states) if len(heard) >= rule.minimum_agents else NOBODY
            if share.count or subject in known:
                observations.append(_observation(rule, group, share, now_ms))
        observations += [_observation(rule, _group(subject), NOBODY, now_ms) for subject in known - groups.keys()]
    return observations


def end_orphans(memory: Fleet, rules: RuleSet, now_ms: int) -> list[Judged]:
    """The ends of the hub's checks whose rules are not in force any more: no snapshot ends them."""
    origin = Origin(agent_id=HUB, epoch=0, seq=now_ms, received_ms=now_ms)
    return [
        closed(check, now_ms, origin, f"the rule {rule_id} is not in force any more")
        for (rule_id, _), check in memory.checks(HUB).items()
        if rule_id != FILES_RULE and rule_id not in rules.by_id
    ]


NOBODY = Share(0, 0, ())


def _state(rule: Rule, agent: Agent, memory: Fleet) -> State:
    """The worst of its checks of the watched rule."""
    watched = (check.state for place, check in memory.checks(agent.agent_id).items() if place[0] == rule.of)
    return min(watched, key=URGENCY.__getitem__, default=State.OK)


def _subject(group: str) -> str:
    return f'group="{group}"'


def _group(subject: str) -> str:
    """The name again; empty of the check of all agents."""
    return subject.removeprefix('group="').removesuffix('"')


def _observation(rule: Rule, group: str, share: Share, now_ms: int) -> Observation:
    words = {
        "count": share.count,
        "of_count": share.of_count,
        "whom": f"group {group}" if group else "all agents",
        "worst": share.worst or "none",
    }
    return Observation(
        rule=rule,
        subject=_subject(group) if group else "",
        labels={"group": group} if group else {},
        value=share.percent,
        words=words,
        at_ms=now_ms,
    )
