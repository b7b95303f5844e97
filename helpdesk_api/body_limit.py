"""No request body is larger than the largest text one may have diagnosed, whatever its headers promise."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpdesk_api.problem import Problem, answer

MAX_BODY_BYTES = 1_153_434  # 1.1 MiB: 1 MiB of text and the JSON around it


class BodyLimit:
    """ASGI middleware: refuses by the announced length at once, by the counted length while reading."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > MAX_BODY_BYTES:
            await answer(Request(scope), _too_large())(scope, receive, send)
            return
        received_bytes = 0

        async def receive_counted() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > MAX_BODY_BYTES:
                raise _too_large()
            return message

        await self._app(scope, receive_counted, send)


def _too_large() -> Problem:
    detail = f"The request body is larger than {MAX_BODY_BYTES} bytes. Send the last part of the text: it tells most."
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        "Request too large",
        detail,
        headers={"Connection": "close"},
    )
