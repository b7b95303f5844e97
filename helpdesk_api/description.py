"""The API's description in OpenAPI's words."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from helpdesk_api.problem import ProblemAnswer
from rabbitmq.version import __version__

DESCRIPTION = (
    "Which hosts are in trouble, why, and what to do about it. Times of readings are the agent's own, corrected by the "
    "measured offset of its clock where that is 2 s or more; times of receipt are the server's."
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of `app`, made once: every error is a problem of one shape."""
    if app.openapi_schema is None:
        schema = get_openapi(title="healthmon", version=__version__, description=DESCRIPTION, routes=app.routes)
        schema["components"]["schemas"]["ProblemAnswer"] = ProblemAnswer.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema
