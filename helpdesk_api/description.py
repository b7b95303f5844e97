"""The API's description in OpenAPI's words."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from helpdesk_api.problem import ProblemAnswer
from rabbitmq.version import __version__

DESCRIPTION = "Which hosts are in trouble, why, and what to do about it."


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of `app`, made once: every error is a problem of one shape."""
    if app.openapi_schema is None:
        schema = get_openapi(title="healthmon", version=__version__, description=DESCRIPTION, routes=app.routes)
        schema["components"]["schemas"]["ProblemAnswer"] = ProblemAnswer.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema
