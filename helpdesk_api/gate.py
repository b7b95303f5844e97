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

from configuration.addresses import is_loopback
from helpdesk_api.problem import Problem, answer
from helpdesk_api.settings import Settings

SERVICE_NAME = "helpdesk"  # as containers call it
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keyless = settings.keyless
        self._public = urlsplit(settings.public_url or "")
        self._names = {SERVICE_NAME, self._public.hostname}

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
        if self._keyless and not self._is_own_name(_host_name(host)):
            return _refused(
                "foreign-host",
                f"Host {host[:128]!r} is not a name of this service. Open it as http://localhost, or set "
                "HEALTHMON_PUBLIC_URL to the address people use.",
            )
        if method in SAFE_METHODS or self._is_own(headers, host):
            return None
        return _refused("foreign-origin", "The request was made by a page of another site, so it is refused.")

    def _is_own_name(self, name: str | None) -> bool:
        """No name of another site is an address of this machine, so any loopback address may be used."""
        return name is not None and (is_loopback(name) or name in self._names)

    def _is_own(self, headers: Headers, host: str) -> bool:
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or _netloc(origin) in {host, self._public.netloc} - {""}


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _refused(slug: str, detail: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, slug, "Refused", detail)
