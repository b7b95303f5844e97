"""An incident with its remedies and its life so far, as the API shows it."""

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.times import Moment, moment
from store.model import Incident, Remedy


class StepAnswer(BaseModel):
    """One thing to do. `command` is for people to read and run; nothing runs it."""

    text: str
    command: str | None


class RemedyAnswer(BaseModel):
    """A known problem that fits: `reason` says why, `confidence` is exact, likely or weak."""

    slug: str
    title: str
    confidence: str
    reason: str
    captured: dict[str, str]
    steps: list[StepAnswer]
    verify: str | None


class TimelineAnswer(BaseModel):
    change: str
    time: Moment
    sentence: str


class IncidentAnswer(BaseModel):
    """`subject` names the thing the check is about, like `mount="/var"`; `closed` is null while it is open."""

    number: int
    agent_id: str
    host_name: str | None
    rule: str
    subject: str
    severity: State
    title: str
    sentence: str
    metric: str = Field(description="Its name ends in the unit of value and limit.")
    value: float
    limit: float
    opened: Moment
    updated: Moment
    closed: Moment | None
    remedies: list[RemedyAnswer]
    timeline: list[TimelineAnswer] = Field(description="Its changes, oldest first; empty in lists.")
    url: str = Field(description="Its permanent page.")


def incident_answer(incident: Incident, base_url: str) -> IncidentAnswer:
    return IncidentAnswer(
        number=incident.number,
        agent_id=incident.key.agent_id,
        host_name=incident.host_name,
        rule=incident.key.rule,
        subject=incident.key.subject,
        severity=incident.severity,
        title=incident.title,
        sentence=incident.sentence,
        metric=incident.metric,
        value=incident.value,
        limit=incident.limit,
        opened=moment(incident.opened_ms),
        updated=moment(incident.updated_ms),
        closed=None if incident.closed_ms is None else moment(incident.closed_ms),
        remedies=[_remedy_answer(remedy) for remedy in incident.remedies],
        timeline=[
            TimelineAnswer(change=entry.change, time=moment(entry.at_ms), sentence=entry.sentence)
            for entry in incident.timeline
        ],
        url=f"{base_url}/i/{incident.number}",
    )


def _remedy_answer(remedy: Remedy) -> RemedyAnswer:
    return RemedyAnswer(
        slug=remedy.slug,
        title=remedy.title,
        confidence=remedy.confidence,
        reason=remedy.reason,
        captured=dict(remedy.captured),
        steps=[StepAnswer(text=step.text, command=step.command) for step in remedy.steps],
        verify=remedy.verify,
    )
