"""What the host looked like when an incident opened, and what its agent did about it."""

from fastapi import APIRouter

from helpdesk_api.access import VIEWER
from helpdesk_api.agent_clock import correction_ms
from helpdesk_api.answers.evidence import EvidenceAnswer, evidence_answer
from helpdesk_api.desk import TheDesk
from helpdesk_api.problem import PROBLEMS_ANSWERED
from helpdesk_api.routes.incidents import Number, find_incident
from store.agents import get_agent
from store.engine import reading
from store.evidence import evidence_of

router = APIRouter(prefix="/api/v1/incidents", tags=["Incidents"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


@router.get("/{number}/evidence", summary="Show an incident's evidence", operation_id="get_evidence")
def get_evidence(number: Number, desk: TheDesk) -> EvidenceAnswer:
    """From five minutes before it opened until it closed."""
    with reading(desk.engine) as connection:
        incident = find_incident(connection, number)
        agent = get_agent(connection, incident.key.agent_id)
        return evidence_answer(evidence_of(connection, incident, correction_ms(agent) if agent else 0))
