"""What an edited rule file would have said of the past, as the API shows it."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.times import Moment, moment, rfc3339
from helpdesk_api.words import count
from store.model import HUB

NOT_WORTH_A_WORD_MS = 60_000


class RehearsedAnswer(BaseModel):
    """An incident that would have been: the worst it was in, and the words for that moment."""

    agent_id: str | None = Field(description="Null when the rule is about a group of agents.")
    host_name: str | None
    subject: str
    severity: State
    opened: Moment
    closed: Moment | None = Field(description="Null when it was open at the end.")
    sentence: str
    number: int | None = Field(description="Of the real incident at that time, null when there was none.")


class ReplayedRuleAnswer(BaseModel):
    """One rule of the file beside the rule in force with the same id."""

    rule: str
    sentence: str = Field(description="The difference, like: 3 incidents instead of 41; would have missed i/17")
    edited_count: int
    today_count: int | None = Field(description="Null when no rule with this id is in force.")
    edited: list[RehearsedAnswer] = Field(description="Of the file's rule, the first 200 by time.")
    today: list[RehearsedAnswer] = Field(description="Of the rule in force, run over the same snapshots.")
    missed: list[RehearsedAnswer] = Field(
        description="Those of today's rule at whose time the file's rule is silent, the first 200."
    )
    missed_count: int


class ReplayAnswer(BaseModel):
    """`began` to `reached` is what was run over. Everything was ok at its beginning, and no snapshot came late."""

    since: Moment
    until: Moment
    began: Moment | None = Field(description="The first snapshot since then, null when there was none.")
    reached: Moment
    ended: str = Field(description="What ended it before `until`, empty when nothing did.")
    coverage: str = Field(description="How much of the time asked for was run over, and why it was not all, in words.")
    snapshots: int
    agents: int
    rules: list[ReplayedRuleAnswer]


def replay_answer(
    child: Mapping[str, Any], since_ms: int, until_ms: int, name_of: Callable[[str], str]
) -> ReplayAnswer:
    """From the answer of the replay's process; `name_of` gives what people call an agent's host."""

    def incidents(some: list[dict[str, Any]]) -> list[RehearsedAnswer]:
        return [_rehearsed(one, name_of) for one in some]

    return ReplayAnswer(
        since=moment(since_ms),
        until=moment(until_ms),
        began=None if child["began_ms"] is None else moment(child["began_ms"]),
        reached=moment(child["reached_ms"]),
        ended=child["ended"],
        coverage=_coverage(child, since_ms, until_ms),
        snapshots=child["snapshots"],
        agents=child["agents"],
        rules=[
            ReplayedRuleAnswer(
                rule=one["rule"],
                sentence=one["sentence"],
                edited_count=one["edited_count"],
                today_count=one["today_count"],
                edited=incidents(one["edited"]),
                today=incidents(one["today"]),
                missed=incidents(one["missed"]),
                missed_count=one["missed_count"],
            )
            for one in child["rules"]
        ],
    )


def _coverage(child: Mapping[str, Any], since_ms: int, until_ms: int) -> str:
    began_ms, reached_ms = child["began_ms"], child["reached_ms"]
    if began_ms is None and not child["ended"]:
        return "no snapshot of this time is kept"
    told = f"the time from {rfc3339(since_ms)} to {rfc3339(until_ms)}"
    if child["ended"]:
        share = (reached_ms - since_ms) / (until_ms - since_ms)
        told = (
            f"CUT: {share:.0%} of {told}; {child['ended']}, and nothing is said of the time after {rfc3339(reached_ms)}"
        )
    else:
        told = f"all of {told}"
    if began_ms is not None and began_ms - since_ms > NOT_WORTH_A_WORD_MS:
        told += f"; the first snapshot that is kept is of {rfc3339(began_ms)}"
    return told + _not_withheld(child["agents_behind"])


def _not_withheld(agents_behind: int) -> str:
    if not agents_behind:
        return ""
    whose = f"of {count(agents_behind, 'host')} behind others"
    return f". Dependencies are not applied: {whose}, incidents that would have been withheld are counted"


def _rehearsed(one: Mapping[str, Any], name_of: Callable[[str], str]) -> RehearsedAnswer:
    closed_ms = one["closed_ms"]
    return RehearsedAnswer(
        agent_id=one["agent_id"] if one["agent_id"] != HUB else None,
        host_name=name_of(one["agent_id"]) if one["agent_id"] != HUB else None,
        subject=one["subject"],
        severity=State(one["severity"]),
        opened=moment(one["opened_ms"]),
        closed=None if closed_ms is None else moment(closed_ms),
        sentence=one["sentence"],
        number=one["number"],
    )
