"""A part of a list: the items, and the cursor that asks for the next ones."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=500, description="How many items at most, 1 to 500.")]
DEFAULT_LIMIT = 100
CURSOR = "The next_cursor of the part before."


class Listing(BaseModel, Generic[Item]):
    """`next_cursor` is null at the end of the list."""

    items: list[Item]
    next_cursor: str | None = None


def _next_link(request: Request, response: Response) -> Callable[[str | None], str | None]:
    def link(cursor: str | None) -> str | None:
        if cursor is not None:
            asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
            place = f"{quote(request.scope['path'])}?{urlencode([*asked, ('cursor', cursor)])}"
            response.headers["Link"] = f'<{place}>; rel="next"'
        return cursor

    return link


NextLink = Annotated[Callable[[str | None], str | None], Depends(_next_link)]  # names the cursor in a Link header too
