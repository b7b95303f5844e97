"""The API's description, for people and for programs, from this service alone."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from helpdesk_api.access import VIEWER
from helpdesk_api.description import describe
from helpdesk_api.pages import page

router = APIRouter(dependencies=[VIEWER], include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    return JSONResponse(describe(request.app))


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    description = describe(request.app)
    groups = groupby(_operations(description), key=lambda operation: operation["tag"])
    return page(
        "reference.html", {"info": description["info"], "groups": [(tag, list(members)) for tag, members in groups]}
    )


def _operations(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            security = operation.get("security", [])
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "tag": operation["tags"][0],
                "summary": operation["summary"],
                "description": operation.get("description", ""),
                "role": security[0]["key"][0] if security else None,
                "parameters": [_parameter(one) for one in operation.get("parameters", [])],
                "body": _fields(description, operation.get("requestBody", {})),
                "fields": _fields(description, operation["responses"].get("200", {})),
            }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    told = parameter.get("description") or f"In the {parameter['in']}."
    return {"name": parameter["name"], "required": parameter.get("required", False), "description": told}


def _fields(description: Mapping[str, Any], holder: Mapping[str, Any]) -> list[str]:
    """Names of the fields of a body or an answer."""
    reference = holder.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = description["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return list(schema.get("properties", {}))
