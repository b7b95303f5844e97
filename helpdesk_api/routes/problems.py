"""The knowledge base: what is known, with its remedies."""

from typing import Annotated

from fastapi import APIRouter, Query

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.knowledge import KnownProblemAnswer, ProblemSummary, problem_answer, summary_answer
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.problem import PROBLEMS_ANSWERED, not_found
from knowledge.model import KnownProblem

router = APIRouter(
    prefix="/api/v1/problems", tags=["Known problems"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED
)


@router.get("", summary="List known problems", operation_id="list_problems")
def list_problems(
    desk: TheDesk,
    next_link: NextLink,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[str, Query(max_length=64, description=CURSOR)] = "",
) -> Listing[ProblemSummary]:
    after = [problem for problem in desk.catalogue.problems if problem.slug > cursor]
    items = [summary_answer(problem) for problem in after[:limit]]
    return Listing(items=items, next_cursor=next_link(items[-1].slug if len(after) > limit else None))


@router.get("/{slug}", summary="Show a known problem", operation_id="get_problem")
def get_problem(slug: str, desk: TheDesk) -> KnownProblemAnswer:
    return problem_answer(find_problem(desk, slug))


def find_problem(desk: Desk, slug: str) -> KnownProblem:
    """Raises a 404 problem."""
    problem = desk.catalogue.find(slug)
    if problem is None:
        raise not_found(f"known problem {slug[:64]!r}", "/api/v1/problems lists those there are.")
    return problem
