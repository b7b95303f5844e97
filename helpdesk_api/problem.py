"""Every error as an answer a program can read (RFC 9457) and a person can act on.

Browsers that ask for a page get the same words as a page.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from helpdesk_api.once_a_minute import OnceAMinute
from helpdesk_api.pages import page
from store.engine import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())


class ProblemAnswer(BaseModel):
    """An error (RFC 9457). `type` names the kind, `detail` says what happened and what now."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None


PROBLEMS_ANSWERED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "What is wrong with the request",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}},
    },
    "5XX": {
        "description": "What is wrong with the service",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}},
    },
}


class Problem(HTTPException):
    """An answer that is not the wished one: `slug` names the kind, `detail` says what happened and what now."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.slug = slug
        self.title = title
        self.members = members


def not_found(what: str, hint: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "Not found", f"There is no {what}. {hint}")


def invalid(detail: str) -> Problem:
    """Of a request whose shape is right and whose values do not fit."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Invalid request", detail)


def answer(request: Request, problem: Problem) -> Response:
    """The problem as JSON, or as a page where a browser asks for one."""
    body = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
        **problem.members,
    }
    headers = dict(problem.headers or {})
    if _wants_page(request):
        return page("problem.html", body, status=problem.status_code, headers=headers)
    return JSONResponse(body, problem.status_code, headers, MEDIA_TYPE)


def unexpected(request: Request) -> Response:
    """For an error nobody foresaw: the log has it under the request's id, the answer does not."""
    detail = "The help desk failed on this request. Its log says more under the request id; trying again may help."
    return answer(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Internal error", detail))


def install(app: FastAPI) -> None:
    app.exception_handler(HTTPException)(_on_http_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(StoreUnavailable)(_on_store_unavailable)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def _on_http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error, Problem):
        return answer(request, error)
    status = HTTPStatus(error.status_code)
    slug = status.phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(status, error.detail)
    return answer(request, Problem(status, slug, status.phrase.capitalize(), detail, headers=error.headers))


def _on_invalid_request(request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"where": ".".join(str(part) for part in detail["loc"]), "detail": detail["msg"]} for detail in error.errors()
    ]
    told = "; ".join(f"{one['where']}: {one['detail']}" for one in errors)
    problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Invalid request", f"{told}.", errors=errors)
    return answer(request, problem)


def _on_store_unavailable(request: Request, error: StoreUnavailable) -> Response:
    _log.warning("database unavailable: %s", error)
    detail = f"The database does not answer. Try again in {RETRY_SECONDS} s; /readyz says which link is broken."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    problem = Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", "Database unavailable", detail, headers=headers
    )
    return answer(request, problem)


_DETAILS = {
    HTTPStatus.NOT_FOUND: "Nothing is at this address. /docs lists the API, / is the fleet.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method; the Allow header names those it takes.",
}
