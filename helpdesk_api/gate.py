"""What a browser must show before anything is read: that the page it acts for is ours.

A page of another site can make a browser send requests here, and can make its own name point here. So a request that
changes something must come from our own origin, and while no key is asked for, the name in Host must be one of this
service. The client's address decides nothing: a container hides it.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from helpdesk_api.problem import Problem, answer
from helpdesk_api.settings import Settings

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "helpdesk"})  # the last is the compose service's name
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keyless = settings.keyless
        self._public = urlsplit(settings.public_url or "")
        self._names = OWN_NAMES | ({self._public.hostname} if self._public.hostname else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self.refusal(scope["method"], Headers(scope=scope))
            if refusal is not None:
                await answer(Request(scope), refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def refusal(self, method: str, headers: Headers) -> Problem | None:
        """Why the request is refused, None when it is not."""
        host = headers.get("host", "")
        if self._keyless and _host_name(host) not in self._names:
            return _refused(
                "foreign-host",
                f"Host {host[:128]!r} is not a name of this service. Open it as http://localhost, or set "
                "HEALTHMON_PUBLIC_URL to the address people use.",
            )
        if method in SAFE_METHODS or self._is_own(headers, host):
            return None
        return _refused("foreign-origin", "The request was made by a page of another site, so it is refused.")

    def _is_own(self, headers: Headers, host: str) -> bool:
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc in {host, self._public.netloc} - {""}


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _refused(slug: str, detail: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, slug, "Refused", detail)
