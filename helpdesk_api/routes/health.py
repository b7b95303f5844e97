"""Whether the process lives, and whether records flow through the whole chain."""

from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel

from helpdesk_api.desk import TheDesk
from helpdesk_api.problem import PROBLEMS_ANSWERED, RETRY_SECONDS, Problem
from helpdesk_api.readiness import Link, links

router = APIRouter(tags=["Health"], responses=PROBLEMS_ANSWERED)


class Alive(BaseModel):
    status: str = "alive"


class Ready(BaseModel):
    status: str = "ready"
    links: list[Link]


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Whether the process lives", operation_id="healthz")
def healthz() -> Alive:
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Whether records flow end to end", operation_id="readyz")
def readyz(desk: TheDesk) -> Ready:
    """Ready means: the database answers, the broker is reached, and a canary sent within the last 60 s was stored."""
    found = links(desk)
    broken = next((link for link in found if not link.ok), None)
    if broken is not None:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-ready",
            f"Not ready: {broken.name}",
            broken.reason,
            headers={"Retry-After": str(RETRY_SECONDS)},
            links=[{"name": link.name, "ok": link.ok, "reason": link.reason} for link in found],
        )
    return Ready(links=found)
