"""The help desk over HTTP: asks, and turns every way in which no answer comes into Trouble."""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import httpx2

from cli.answers import read
from cli.exits import ExitCode, Trouble
from cli.settings import Settings

API = "/api/v1"
PATIENCE_SECONDS = 20.0  # a poll waits 5 s for its agent
CONNECT_SECONDS = 5.0
PAGE_ITEMS = 500
MAX_ANSWER_BYTES = 64 * 1024 * 1024
Parameters = Mapping[str, str]


class HelpDesk:
    """A context manager. `missing` is what to try when the thing asked for does not exist."""

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport | None = None) -> None:
        self.url = settings.url
        headers = {"Accept": "application/json"}
        if settings.key:
            headers["Authorization"] = f"Bearer {settings.key}"
        # the key goes to the help desk itself, through no proxy that other programs use
        self._client = httpx2.Client(
            base_url=self.url + API,
            headers=headers,
            trust_env=False,
            verify=ssl.create_default_context(),
            transport=transport,
        )

    def __enter__(self) -> "HelpDesk":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, parameters: Parameters | None = None, *, missing: str = "") -> Any:
        return self._ask("GET", path, parameters, missing=missing)

    def post(
        self, path: str, body: bytes | None = None, *, missing: str = "", patience_seconds: float = PATIENCE_SECONDS
    ) -> Any:
        return self._ask("POST", path, None, body, missing=missing, patience_seconds=patience_seconds)

    def put(self, path: str, body: bytes, *, missing: str = "") -> Any:
        return self._ask("PUT", path, None, body, missing=missing)

    def delete(self, path: str, *, missing: str = "") -> Any:
        return self._ask("DELETE", path, None, missing=missing)

    def every(self, path: str, parameters: Parameters | None = None, *, missing: str = "") -> list[Any]:
        """All items of a list, page by page."""
        asked = {**(parameters or {}), "limit": str(PAGE_ITEMS)}
        items, cursor = read(_page, self.get(path, asked, missing=missing))
        while cursor is not None:
            part, cursor = read(_page, self.get(path, {**asked, "cursor": str(cursor)}, missing=missing))
            items += part
        return items

    def _ask(
        self,
        method: str,
        path: str,
        parameters: Parameters | None,
        body: bytes | None = None,
        *,
        missing: str,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Any:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        timeout = httpx2.Timeout(patience_seconds, connect=CONNECT_SECONDS)
        try:
            with self._client.stream(
                method, path, params=parameters, content=body, headers=sent, timeout=timeout
            ) as response:
                content = self._content(response)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._unreachable(error) from None
        answer = _json(response, content)
        if not isinstance(answer, dict) or response.is_redirect:
            raise self._stranger(response)
        if response.is_error:
            raise _refusal(response, answer, missing)
        return answer

    def _content(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                raise self._stranger(response)
        return bytes(content)

    def _unreachable(self, error: Exception) -> Trouble:
        now = "Is it running? Try: make up"
        if isinstance(_origin(error), ssl.SSLError):
            now = "Name the certificate authority's file in SSL_CERT_FILE."
        told = f"Cannot reach the help desk at {self.url}: {_reason(error)}. {now}"
        return Trouble(told, ExitCode.UNREACHABLE)

    def _stranger(self, response: httpx2.Response) -> Trouble:
        told = f"What answers at {self.url} is not a help desk (status {response.status_code})."
        return Trouble(f"{told} Set --url or HEALTHMON_URL to the help desk's address.", ExitCode.UNREACHABLE)


def _page(answer: Any) -> tuple[list[Any], object]:
    return list(answer["items"]), answer["next_cursor"]


def _json(response: httpx2.Response, content: bytes) -> Any:
    """None for anything that is not JSON."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in ("application/json", "application/problem+json"):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _refusal(response: httpx2.Response, problem: Mapping[str, Any], missing: str) -> Trouble:
    status, detail = response.status_code, str(problem.get("detail") or "It gave no reason.")
    if status in (401, 403):
        return Trouble(f"Not allowed: {detail}", ExitCode.NOT_ALLOWED)
    if status in (404, 409):
        hint = missing if status == 404 else ""
        return Trouble(f"{detail} {hint}".strip(), ExitCode.NONE)
    if status == 429 or status >= 500:
        seconds = response.headers.get("retry-after", "")
        again = f"Try again in {seconds} s." if seconds.isdecimal() else "Try again later."
        return Trouble(f"No answer now: {detail} {again}", ExitCode.TRY_AGAIN)
    return Trouble(f"The help desk did not take this: {detail}", ExitCode.USAGE)


def _origin(error: BaseException) -> BaseException:
    """The error that the operating system gave, at the end of the chain."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return error


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    origin = _origin(error)
    if isinstance(origin, ssl.SSLError):
        return f"no secure connection ({getattr(origin, 'verify_message', '') or origin.strerror})"
    if isinstance(origin, OSError) and origin.strerror:
        return origin.strerror.lower()
    return str(error).lower().rstrip(".") or type(error).__name__
