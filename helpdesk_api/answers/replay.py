"""What an edited rule file would have said of the past, as the API shows it."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.times import Moment, moment


class RehearsedAnswer(BaseModel):
    """An incident that would have been: the worst it was in, and the words for that moment."""

    agent_id: str
    host_name: str
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
    missed: list[RehearsedAnswer] = Field(description="Those of today's rule at whose time the file's rule is silent.")


class ReplayAnswer(BaseModel):
    """`since` to `reached` is what was run over. Everything was ok at its beginning, and no snapshot came late."""

    since: Moment
    until: Moment
    reached: Moment
    ended: str = Field(description="What ended it before `until`, empty when nothing did.")
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
        reached=moment(child["reached_ms"]),
        ended=child["ended"],
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
            )
            for one in child["rules"]
        ],
    )


def _rehearsed(one: Mapping[str, Any], name_of: Callable[[str], str]) -> RehearsedAnswer:
    closed_ms = one["closed_ms"]
    return RehearsedAnswer(
        agent_id=one["agent_id"],
        host_name=name_of(one["agent_id"]),
        subject=one["subject"],
        severity=State(one["severity"]),
        opened=moment(one["opened_ms"]),
        closed=None if closed_ms is None else moment(closed_ms),
        sentence=one["sentence"],
        number=one["number"],
    )
