"""The broker's management API, as far as setting it up needs it."""

import base64
import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 15
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class BrokerUnavailable(Exception):
    """Nobody answers, or the broker is still starting: try again later."""


class LoginRefused(Exception):
    """The broker does not know this account and password."""


class RequestRefused(Exception):
    """The broker understood and said no; the message holds its reason."""


@dataclass(frozen=True, slots=True)
class Management:
    """Where the API is and as whom to call it; the password shows in no representation."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str = "/"

    def call(self, method: str, *path: str, body: dict[str, Any] | None = None) -> Any:
        """Call `/api/` and the path's parts; returns the decoded answer, None where there is none.

        Raises BrokerUnavailable, LoginRefused, RequestRefused; KeyError for what does not exist.
        """
        target = "/api/" + "/".join(quote(part, safe="") for part in path)
        status, content = self._request(method, target, None if body is None else json.dumps(body).encode())
        if status == http.client.UNAUTHORIZED:
            raise LoginRefused(f"{self.host}:{self.port} refuses account {self.user!r} with this password")
        if status == http.client.NOT_FOUND:
            raise KeyError("/".join(path))
        if status >= http.client.INTERNAL_SERVER_ERROR:
            raise BrokerUnavailable(f"{self.host}:{self.port} answers {status} to {method} {target}")
        if status >= http.client.BAD_REQUEST:
            raise RequestRefused(f"{method} {target}: {status} {_reason(content)}")
        return json.loads(content) if content else None

    def _request(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        # not urllib: that would send a request for the loopback through a configured proxy
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, body, self._headers())
            with connection.getresponse() as answer:
                return answer.status, answer.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise BrokerUnavailable(f"{self.host}:{self.port}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content)["reason"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode(errors="replace")
