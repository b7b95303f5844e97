"""What a host looked like when an incident opened, as the API shows it."""

from pydantic import BaseModel, Field

from helpdesk_api.times import Moment, moment
from store.evidence import BlackBox, IncidentEvidence, LocalAction


class ProcessAnswer(BaseModel):
    process_id: int
    name: str
    cpu_percent: float = Field(description="Of one core.")
    memory_bytes: int


class BlackBoxAnswer(BaseModel):
    """What the agent noted at the moment when the check turned bad."""

    time: Moment
    state: str
    names: list[str]
    samples: list[list[float | None]] = Field(
        description="Each has the seconds before `time`, falling to 0, then a value for each of `names` or null."
    )
    processes: list[ProcessAnswer] = Field(description="Those that used most.")


class ActionAnswer(BaseModel):
    """A command of the host's own settings that its agent ran."""

    time: Moment
    name: str
    state: str
    attempt: int
    outcome: str = Field(description="done, failed or timed-out.")
    exit_code: int | None
    output: str
    duration_seconds: float


class CheckOutputAnswer(BaseModel):
    """What an active check wrote when it turned bad: of a log file the lines that matched."""

    time: Moment
    state: str
    output: str


class EvidenceAnswer(BaseModel):
    """All oldest first; empty where the agent sent none."""

    black_boxes: list[BlackBoxAnswer]
    check_outputs: list[CheckOutputAnswer]
    actions: list[ActionAnswer]


def evidence_answer(found: IncidentEvidence) -> EvidenceAnswer:
    return EvidenceAnswer(
        black_boxes=[_box_answer(box) for box in found.boxes],
        check_outputs=[
            CheckOutputAnswer(time=moment(one.at_ms), state=one.state, output=one.output) for one in found.outputs
        ],
        actions=[_action_answer(done) for done in found.actions],
    )


def _box_answer(box: BlackBox) -> BlackBoxAnswer:
    return BlackBoxAnswer(
        time=moment(box.at_ms),
        state=box.state,
        names=list(box.names),
        samples=[list(sample) for sample in box.samples],
        processes=[
            ProcessAnswer(
                process_id=one.process_id, name=one.name, cpu_percent=one.cpu_percent, memory_bytes=one.memory_bytes
            )
            for one in box.processes
        ],
    )


def _action_answer(done: LocalAction) -> ActionAnswer:
    return ActionAnswer(
        time=moment(done.at_ms),
        name=done.name,
        state=done.state,
        attempt=done.attempt,
        outcome=done.outcome,
        exit_code=done.exit_code,
        output=done.output,
        duration_seconds=done.duration_seconds,
    )
