"""Trying an edited rule on the past before it is saved."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.replay import ReplayAnswer, replay_answer
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem
from helpdesk_api.replay_process import run_replay
from store.agents import get_agent
from store.engine import reading

MAX_CONTENT_BYTES = 64 * 1024
DAY_SECONDS = 86_400.0
RETRY_SECONDS = 10
router = APIRouter(prefix="/api/v1", tags=["Rules"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


class ReplayQuestion(BaseModel):
    content: Annotated[
        str, Field(min_length=1, max_length=MAX_CONTENT_BYTES, description="A rule file in YAML, up to 64 KiB.")
    ]
    file: Annotated[
        str, Field(min_length=1, max_length=128, pattern=r"^[^/\\\x00-\x1f]+$", description="Its name in messages.")
    ] = "rules.yaml"
    agent: Annotated[str | None, Field(max_length=256, description="Id or host name; without it over all agents.")] = (
        None
    )
    since_seconds: Annotated[
        float, Field(gt=0, le=366 * DAY_SECONDS, description="How far back, in seconds from now.")
    ] = 7 * DAY_SECONDS


@router.post("/rules/replay", summary="Try a rule file on the past", operation_id="replay_rules")
def replay_rules(question: ReplayQuestion, desk: TheDesk) -> ReplayAnswer:
    """Runs the file's rules, and the rules in force with the same ids, over the stored snapshots: which incidents each
    would have opened, and the difference in one sentence. Rules of every kind: forecasts and anomalies know at each
    moment only what was stored before it, and a fleet's rule sees all agents, whatever `agent` says. Keeps nothing and
    changes nothing. It ends after 30 s at most; `coverage` says what was run over. At most two run at a time."""
    if len(question.content.encode("utf-8", "replace")) > MAX_CONTENT_BYTES:
        raise _too_large()
    agent_id = None
    if question.agent is not None:
        with reading(desk.engine) as connection:
            agent_id = find_agent(connection, question.agent).agent_id
    until_ms = desk.now_ms()
    since_ms = max(0, until_ms - round(question.since_seconds * 1000))
    request = {
        "file": question.file,
        "content": question.content,
        "agent_id": agent_id,
        "since_ms": since_ms,
        "until_ms": until_ms,
    }
    if not desk.replay_places.acquire(blocking=False):
        raise _busy()
    try:
        child = run_replay(request, desk.engine)
    finally:
        desk.replay_places.release()
    return replay_answer(child, since_ms, until_ms, _Names(desk))


class _Names:
    """What people call a host, asked once for each agent."""

    def __init__(self, desk: TheDesk) -> None:
        self._desk = desk
        self._known: dict[str, str] = {}

    def __call__(self, agent_id: str) -> str:
        if agent_id not in self._known:
            with reading(self._desk.engine) as connection:
                agent = get_agent(connection, agent_id)
            self._known[agent_id] = agent.name if agent else agent_id
        return self._known[agent_id]


def _too_large() -> Problem:
    detail = f"The rule file is larger than {MAX_CONTENT_BYTES} bytes. Send the edited rules alone."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "Request too large", detail)


def _busy() -> Problem:
    detail = f"Two replays are running already. Try again in {RETRY_SECONDS} s."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-replays", "Too many replays", detail, headers=headers)
