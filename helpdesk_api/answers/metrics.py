"""Readings as the API shows them: the newest snapshot, and series over time."""

from pydantic import BaseModel, Field

from helpdesk_api.times import Moment, moment
from store.model import KeptSnapshot
from store.snapshots import Point


class MetricsAnswer(BaseModel):
    """One snapshot: readings by name with labels, like `disk.usage_percent{mount="/var"}`."""

    agent_id: str
    time: Moment = Field(
        description="When the agent took it: its own clock, corrected by the measured offset from 2 s on."
    )
    received: Moment
    age_seconds: float = Field(description="How long ago it was received.")
    epoch: int
    seq: int
    readings: dict[str, float]
    errors: dict[str, str] = Field(description="What was not measured, each with why.")


class PointAnswer(BaseModel):
    """A stretch of time from `time` on. Where nothing was stored there is no point: a gap, never a zero."""

    time: Moment
    min: float
    avg: float
    max: float
    count: int


class HistoryAnswer(BaseModel):
    """Series by reading. A point is a stretch of `resolution_seconds`; times are the agent's, corrected by the measured
    offset of its clock from 2 s on."""

    agent_id: str
    start: Moment
    end: Moment
    resolution_seconds: float
    series: dict[str, list[PointAnswer]]


def point_answer(point: Point, correction_ms: int) -> PointAnswer:
    time = moment(point.time_ms + correction_ms)
    return PointAnswer(time=time, min=point.min, avg=point.avg, max=point.max, count=point.count)


def metrics_answer(snapshot: KeptSnapshot, correction_ms: int, now_ms: int) -> MetricsAnswer:
    """`correction_ms` makes the agent's times the server's."""
    return MetricsAnswer(
        agent_id=snapshot.agent_id,
        time=moment(snapshot.wall_ms + correction_ms),
        received=moment(snapshot.received_ms),
        age_seconds=max(0, now_ms - snapshot.received_ms) / 1000,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        readings=dict(snapshot.readings),
        errors=dict(snapshot.errors),
    )
