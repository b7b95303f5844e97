"""An incident with its remedies and its life so far, as the API shows it."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.answers.mutes import MutedAnswer, muted_answer
from helpdesk_api.answers.notices import NoticeAnswer, notice_answer
from helpdesk_api.muting import Muting
from helpdesk_api.times import Moment, moment
from store.model import HUB, Incident, Remedy
from store.response import Mute, Notice


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
    author: str = Field(description="Who did it, empty for what happened by itself.")
    severity: State = Field(description="From then on.")
    value: float = Field(description="At that time.")
    reason: str = Field(
        description="Why the state machine changed the check: confirmed, eased, recovered, flapping or settled. Empty "
        "for anything else."
    )


class AcknowledgedAnswer(BaseModel):
    """Somebody looks after it."""

    time: Moment
    author: str


class IncidentAnswer(BaseModel):
    """`subject` names the thing the check is about, like `mount="/var"`; `closed` is null while it is open."""

    number: int
    agent_id: str | None = Field(description="Null for what concerns no host but the way of all records, or a group.")
    host_name: str | None
    rule: str
    subject: str
    severity: State
    severity_since: Moment = Field(description="When the severity of now began.")
    title: str
    sentence: str = Field(description="As it is now; the timeline says what it was.")
    metric: str = Field(description="Its name ends in the unit of value and limit.")
    value: float
    limit: float
    opened: Moment
    updated: Moment
    closed: Moment | None
    acknowledged: AcknowledgedAnswer | None
    muted: MutedAnswer | None = Field(description="Why nobody hears of it now, null while people do.")
    flapping_since: Moment | None = Field(description="It changes too often since then, null while it does not.")
    is_late: bool = Field(description="It was found in late records only: history, nobody was notified.")
    remedies: list[RemedyAnswer]
    timeline: list[TimelineAnswer] = Field(description="Its changes, oldest first; empty in lists.")
    notices: list[NoticeAnswer] = Field(description="What was sent about it, oldest first; empty in lists.")
    url: str = Field(description="Its permanent page.")
    evidence_url: str = Field(description="What its host looked like when it opened.")


def incident_answer(
    incident: Incident, mute: Mute | None, mutes: Muting, base_url: str, notices: Sequence[Notice] = ()
) -> IncidentAnswer:
    """`mute` is the one in force of this incident, one of `mutes`."""
    by_hub = incident.key.agent_id == HUB
    return IncidentAnswer(
        number=incident.number,
        agent_id=None if by_hub else incident.key.agent_id,
        host_name=incident.host_name,
        rule=incident.key.rule,
        subject=incident.key.subject,
        severity=incident.severity,
        severity_since=moment(incident.severity_since_ms),
        title=incident.title,
        sentence=incident.sentence,
        metric=incident.metric,
        value=incident.value,
        limit=incident.limit,
        opened=moment(incident.opened_ms),
        updated=moment(incident.updated_ms),
        closed=None if incident.closed_ms is None else moment(incident.closed_ms),
        acknowledged=_acknowledged_answer(incident),
        muted=None if mute is None else muted_answer(mute, mutes),
        flapping_since=None if incident.flapping_since_ms is None else moment(incident.flapping_since_ms),
        is_late=incident.is_late,
        remedies=[_remedy_answer(remedy) for remedy in incident.remedies],
        timeline=[
            TimelineAnswer(
                change=entry.change,
                time=moment(entry.at_ms),
                sentence=entry.sentence,
                author=entry.author,
                severity=entry.severity,
                value=entry.value,
                reason=entry.reason,
            )
            for entry in incident.timeline
        ],
        notices=[notice_answer(notice, base_url) for notice in notices],
        url=f"{base_url}/i/{incident.number}",
        evidence_url=f"{base_url}/api/v1/incidents/{incident.number}/evidence",
    )


def _acknowledged_answer(incident: Incident) -> AcknowledgedAnswer | None:
    if incident.acknowledged_ms is None:
        return None
    return AcknowledgedAnswer(time=moment(incident.acknowledged_ms), author=incident.acknowledged_by)


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
