"""Who stands behind whom, as the API shows it."""

from pydantic import BaseModel, Field

from helpdesk_api.times import Moment, moment
from store.response import Dependency


class DependencyAnswer(BaseModel):
    """While the parent is in trouble that people hear of, what is wrong with the agent's host opens no incident, and
    nobody is notified of those that are open. Its checks are judged as ever, and open incidents close as ever."""

    dependency_no: int
    agent_id: str
    parent_agent_id: str
    parent_rule: str | None = Field(description="Only this check of the parent counts; null: the whole host.")
    parent_subject: str | None
    reason: str
    author: str
    created: Moment


def dependency_answer(dependency: Dependency) -> DependencyAnswer:
    return DependencyAnswer(
        dependency_no=dependency.dependency_no,
        agent_id=dependency.agent_id,
        parent_agent_id=dependency.parent_agent_id,
        parent_rule=dependency.parent_rule,
        parent_subject=dependency.parent_subject,
        reason=dependency.reason,
        author=dependency.author,
        created=moment(dependency.created_ms),
    )
