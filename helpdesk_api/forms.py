"""Forms of the pages: plain HTML posts, read as they are, within the limit of every request body."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from helpdesk_api.problem import invalid

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 20


async def _read_form(request: Request) -> Mapping[str, str]:
    """The fields by name, of several of one name the last. Raises a 422 problem."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != MEDIA_TYPE:
        raise invalid(f"The form came as {kind[:64]!r}, wanted is {MEDIA_TYPE}. Programs use the API: /docs.")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise invalid("The form cannot be read. Go back and send it again.") from None


Form = Annotated[Mapping[str, str], Depends(_read_form)]
