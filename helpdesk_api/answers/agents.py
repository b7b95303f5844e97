"""An agent as the API shows it."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from health.state import State
from helpdesk_api.condition import Condition
from helpdesk_api.switched_off import switched_off
from helpdesk_api.times import Moment, moment
from store.model import Agent


class AgentAnswer(BaseModel):
    """One agent and the host it reports. `sentence` is its state in words."""

    agent_id: str
    host_name: str | None
    state: State
    own_state: State = Field(description="The state it would be in if it were not muted.")
    sentence: str
    behind: str = Field(
        description="The open incident of what stands before the host, like: behind gateway-1, which is down (#12). "
        "Meanwhile nothing of this host opens an incident of its own. Empty when there is none."
    )
    retired: bool = Field(description="People retired it: nothing is expected of it until its agent sends.")
    connected: bool = Field(description="It was heard within three of its intervals (15 s at least).")
    streaming_active: bool = Field(description="It is connected and its newest metrics are as recent.")
    has_system_info: bool
    has_metrics: bool
    first_seen: Moment
    last_seen: Moment
    last_update: Moment | None = Field(description="When its newest snapshot was received.")
    scope: str | None = Field(description="host or container: what its readings are about.")
    version: str | None
    interval_seconds: float
    collectors: list[str] = Field(
        description="The metric groups that it measures, empty when its agent is too old to choose."
    )
    switched_off: dict[str, str] = Field(
        description="The metric groups that it does not measure because somebody said so, each with where. Nothing of "
        "them is judged; an incident about them has ended, and said so."
    )
    group: str = Field(description="The group its settings put it in, empty for none.")
    labels: dict[str, str] = Field(description="What its settings say of the host.")
    clock_offset_seconds: float | None = Field(
        description="The server's clock less the agent's: above 0 when the agent's is behind, null while not measured."
    )
    errors: dict[str, str] = Field(
        description="What the newest snapshot says was not measured, each with why; `spool`: the agent cannot keep "
        "records on its disk."
    )
    url: str = Field(description="The host's page.")


def agent_answer(
    agent: Agent, condition: Condition, errors: Mapping[str, str], behind: str, now_ms: int, base_url: str
) -> AgentAnswer:
    """`errors` is what the newest snapshot says the agent could not do, each with why; `behind` what explains it."""
    return AgentAnswer(
        agent_id=agent.agent_id,
        host_name=agent.host_name,
        state=condition.state,
        own_state=condition.own_state,
        sentence=condition.sentence,
        behind=behind,
        retired=condition.is_retired,
        connected=agent.is_connected(now_ms),
        streaming_active=agent.is_streaming(now_ms) and not condition.excused,
        has_system_info=agent.has_system_info,
        has_metrics=agent.has_metrics,
        first_seen=moment(agent.first_seen_ms),
        last_seen=moment(agent.last_seen_ms),
        last_update=None if agent.snapshot_received_ms is None else moment(agent.snapshot_received_ms),
        scope=agent.scope,
        version=agent.agent_version,
        interval_seconds=agent.interval_ms / 1000,
        collectors=list(agent.collectors),
        switched_off=switched_off(agent),
        group=agent.group_name,
        labels=dict(agent.labels),
        clock_offset_seconds=None if agent.clock_offset_ms is None else agent.clock_offset_ms / 1000,
        errors=dict(errors),
        url=f"{base_url}/h/{agent.agent_id}",
    )
