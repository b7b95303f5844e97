"""A family of incidents as the API shows it."""

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.families import Family
from helpdesk_api.times import Moment, moment

MOST_MEMBERS = 500


class FamilyMember(BaseModel):
    number: int
    agent_id: str
    host_name: str | None
    severity: State
    sentence: str
    url: str


class FamilyAnswer(BaseModel):
    """Open incidents of one rule on three hosts or more."""

    rule: str
    severity: State = Field(description="Of the most urgent one.")
    sentence: str
    hosts: int
    incidents: int
    since: Moment = Field(description="When the oldest of them opened.")
    members: list[FamilyMember] = Field(description=f"The most urgent first, {MOST_MEMBERS} at most.")


def family_answer(family: Family, base_url: str) -> FamilyAnswer:
    members = [
        FamilyMember(
            number=one.number,
            agent_id=one.agent_id,
            host_name=one.host_name,
            severity=one.severity,
            sentence=one.sentence,
            url=f"{base_url}/i/{one.number}",
        )
        for one in family.incidents[:MOST_MEMBERS]
    ]
    return FamilyAnswer(
        rule=family.rule,
        severity=family.severity,
        sentence=family.sentence,
        hosts=len(family.hosts),
        incidents=len(family.incidents),
        since=moment(family.since_ms),
        members=members,
    )
