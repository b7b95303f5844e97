"""One POST to an address from the settings: https verified, no redirect followed, little read, never for long.

Private addresses are allowed: receivers stand in people's own networks. An error names the host and no more of the URL.
"""

import base64
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from processor.notifiers.notifier import NotifierError

TIMEOUT_SECONDS = 10.0  # for each step; the whole has its own deadline
MOST_ANSWER_BYTES = 1_024
_TRY_AGAIN = (408, 425, 429)
_SURELY_NOT_TAKEN = (*_TRY_AGAIN, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send JSON; returns a 2xx answer. Raises NotifierError for everything else."""
    connection, path, host = _open(url)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        raise NotifierError(f"{host} cannot be reached: {_reason(error)}") from None
    try:
        connection.request("POST", path, body, {**_authorization(url), **headers, "Content-Type": "application/json"})
        with connection.getresponse() as response:
            text = response.read(MOST_ANSWER_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotifierError(f"{host} gave no answer: {_reason(error)}", is_unsure=True) from None
    finally:
        connection.close()
    return _judged(Answer(response.status, " ".join(text.split())[:200]), host)


def _judged(answer: Answer, host: str) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    said = f"{host} answered {answer.status} {http.client.responses.get(answer.status, '')}".rstrip()
    if 300 <= answer.status < 400:
        raise NotifierError(f"{said}: redirects are not followed; give the final URL", permanent=True)
    permanent = answer.status < 500 and answer.status not in _TRY_AGAIN
    is_unsure = not permanent and answer.status not in _SURELY_NOT_TAKEN
    raise NotifierError(f"{said}: {answer.text}".rstrip(": "), permanent=permanent, is_unsure=is_unsure)


def _open(url: str) -> tuple[http.client.HTTPConnection, str, str]:
    """The connection, not connected yet, what to ask for, and the host in words."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context), _path(parts), host
        if parts.scheme == "http" and host:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS), _path(parts), host
    except (ValueError, http.client.InvalidURL):
        pass
    raise NotifierError("the URL in the settings is no http:// or https:// address", permanent=True)


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _authorization(url: str) -> Mapping[str, str]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    account = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(account.encode()).decode()}"}


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
