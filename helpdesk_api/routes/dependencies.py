"""Dependencies: which hosts stand behind which, so that one cause is told once."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection

from helpdesk_api.access import OPERATOR, VIEWER, TheAuthor
from helpdesk_api.answers.dependencies import DependencyAnswer, dependency_answer
from helpdesk_api.answers.listing import Listing
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.mute_wishes import LARGEST_NUMBER, Name
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem, not_found
from store.agents import get_agent
from store.dependencies import DependencyCycle, add_dependency, dependencies, remove_dependency
from store.engine import reading, transaction
from store.response import Dependency

router = APIRouter(prefix="/api/v1/dependencies", tags=["Dependencies"], responses=PROBLEMS_ANSWERED)


class DependencyWish(BaseModel):
    """The agent stands behind the parent: both by id or host name. With a rule, behind this one check of the parent."""

    agent: Name
    parent: Name
    parent_rule: Name | None = None
    parent_subject: Annotated[str, Field(max_length=1024)] | None = None
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _subject_has_its_rule(self) -> "DependencyWish":
        if self.parent_subject is not None and self.parent_rule is None:
            raise ValueError("parent_subject belongs to a rule: give parent_rule, too")
        return self


@router.get("", summary="List dependencies", operation_id="list_dependencies", dependencies=[VIEWER])
def list_dependencies(desk: TheDesk) -> Listing[DependencyAnswer]:
    """All of them, oldest first."""
    with reading(desk.engine) as connection:
        return Listing(items=[dependency_answer(one) for one in dependencies(connection)])


@router.post(
    "",
    summary="Put a host behind another",
    operation_id="add_dependency",
    status_code=HTTPStatus.CREATED,
    dependencies=[OPERATOR],
)
def put_behind(wish: DependencyWish, desk: TheDesk, author: TheAuthor) -> DependencyAnswer:
    """One that is there already is answered as it is. 409 when the parent stands behind the agent already."""
    with reading(desk.engine) as connection:  # an unknown name is compared with all others: nobody waits for that
        agent, parent = find_agent(connection, wish.agent), find_agent(connection, wish.parent)
    wanted = Dependency(
        dependency_no=0,
        agent_id=agent.agent_id,
        parent_agent_id=parent.agent_id,
        parent_rule=wish.parent_rule,
        parent_subject=wish.parent_subject,
        reason=wish.reason,
        author=author,
        created_ms=desk.now_ms(),
    )
    with transaction(desk.engine) as connection:
        try:
            return dependency_answer(add_dependency(connection, wanted))
        except DependencyCycle as cycle:
            raise _cycle(connection, cycle) from None


@router.delete(
    "/{dependency_no}", summary="Remove a dependency", operation_id="remove_dependency", dependencies=[OPERATOR]
)
def remove(dependency_no: Annotated[int, Path(ge=1, le=LARGEST_NUMBER)], desk: TheDesk) -> DependencyAnswer:
    """Answers what it was."""
    with transaction(desk.engine) as connection:
        removed = remove_dependency(connection, dependency_no)
    if removed is None:
        raise not_found(f"dependency {dependency_no}", "/api/v1/dependencies lists those there are.")
    return dependency_answer(removed)


def _cycle(connection: Connection, cycle: DependencyCycle) -> Problem:
    agents = [get_agent(connection, agent_id) for agent_id in cycle.agent_ids]
    way = " behind ".join(agent.name if agent else "?" for agent in agents)
    detail = f"This makes a cycle: {way}. Nobody would hear of any of them. Remove one of these dependencies first."
    return Problem(HTTPStatus.CONFLICT, "dependency-cycle", "Dependency cycle", detail, cycle=list(cycle.agent_ids))
