"""From an error text to known problems with what to do."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.knowledge import DiagnosisAnswer, match_answer
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED
from helpdesk_api.words import count
from knowledge.pasted_text import MAX_TEXT_CHARS
from store.engine import reading

router = APIRouter(prefix="/api/v1", tags=["Diagnosis"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


class Question(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS, description="An error, a log, a traceback.")]
    agent: Annotated[
        str | None, Field(max_length=256, description="Id or host name of the agent whose host printed the text.")
    ] = None


@router.post("/diagnose", summary="Explain an error text", operation_id="diagnose")
def diagnose(question: Question, desk: TheDesk) -> DiagnosisAnswer:
    """Ranks the known problems that the text shows, each with why, the captured values and the steps. Keeps nothing."""
    if question.agent is not None:
        with reading(desk.engine) as connection:
            find_agent(connection, question.agent)
    matches = [match_answer(match) for match in desk.matcher.match_text(question.text)]
    return DiagnosisAnswer(matches=matches, searched=_searched(question.text, desk, len(matches)))


def _searched(text: str, desk: TheDesk, found: int) -> str:
    problems = desk.catalogue.problems
    patterns = sum(len(problem.patterns) for problem in problems)
    lines = count(len(text.splitlines()), "line")
    told = f"{lines} searched for {count(patterns, 'pattern')} of {count(len(problems), 'known problem')}"
    if found:
        return f"{told}, {found} found."
    return f"{told}, none found. Include the lines around the first error, or the program's own message."
