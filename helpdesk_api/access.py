"""Who may do what: a role per route, a key per person or script.

While the service is published on this machine only, no key is asked for anything but administration; on any other
address every route but the health checks asks for one. A key travels as `Authorization: Bearer healthmon_...`, or as
the password of HTTP Basic so that a browser can open the pages.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.problem import Problem
from store import keys
from store.engine import reading
from store.role import Role

KEY_PREFIX = "healthmon_"
KEYLESS_ROLE = Role.OPERATOR
LOCAL_AUTHOR = "local"
_bearer = HTTPBearer(scheme_name="key", bearerFormat=f"{KEY_PREFIX}...", auto_error=False)


def new_key() -> str:
    """A secret to be shown once."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def sha256_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def includes(held: Role, needed: Role) -> bool:
    """Whether the held role may do what the needed one may: each role includes the ones before it."""
    order = list(Role)
    return order.index(held) >= order.index(needed)


def check_role(
    request: Request, desk: TheDesk, scopes: SecurityScopes, _documented: Annotated[object, Depends(_bearer)]
) -> None:
    """Let the request pass or raise a 401 or 403 that says what is missing."""
    needed = Role(scopes.scopes[0])
    key = _key_of(request)
    held = KEYLESS_ROLE if key is None and desk.settings.keyless else role_of(desk, key)
    if held is None:
        raise _unauthorized(key)
    if not includes(held, needed):
        raise _forbidden(key, needed)


VIEWER = Security(check_role, scopes=[Role.VIEWER])
OPERATOR = Security(check_role, scopes=[Role.OPERATOR])
ADMIN = Security(check_role, scopes=[Role.ADMIN])


def author_of(request: Request, desk: TheDesk) -> str:
    """Who does it, for people: the name of the key, or `local` for whoever is on this machine."""
    key = _key_of(request)
    kept = _kept_key(desk, sha256_of(key)) if key else None
    return LOCAL_AUTHOR if kept is None else kept.name


TheAuthor = Annotated[str, Depends(author_of)]


def presented_key(authorization: str) -> str | None:
    """The key in an Authorization header, None when there is no such header."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return value.strip() if scheme else None
    try:
        _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password


def role_of(desk: Desk, key: str | None) -> Role | None:
    """The role a key gives, None for no key and for one that is unknown or revoked."""
    if not key:
        return None
    sha256 = sha256_of(key)
    if desk.admin_key_sha256 is not None and hmac.compare_digest(sha256, desk.admin_key_sha256):
        return Role.ADMIN
    kept = _kept_key(desk, sha256)
    return None if kept is None else kept.role


def _key_of(request: Request) -> str | None:
    return presented_key(request.headers.get("authorization", ""))


def _kept_key(desk: Desk, sha256: str) -> keys.ApiKey | None:
    """The key with this digest, None when it is unknown or revoked."""
    with reading(desk.engine) as connection:
        kept = keys.find_by_sha256(connection, sha256)
    if kept is None or kept.revoked_ms is not None or not hmac.compare_digest(sha256, kept.sha256):
        return None
    return kept


def _unauthorized(key: str | None) -> Problem:
    told = "The key is unknown or was revoked." if key else "A key is needed here."
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "key-needed",
        "Key needed",
        f"{told} Make one on the help desk's machine with: healthmon keys create --role viewer. Programs send it as "
        "Authorization: Bearer, a browser takes it as the password (any user name).",
        headers={"WWW-Authenticate": 'Bearer realm="healthmon", Basic realm="healthmon"'},
    )


def _forbidden(key: str | None, needed: Role) -> Problem:
    whose = "This key's role" if key else "A request without a key"
    return Problem(
        HTTPStatus.FORBIDDEN,
        "role-too-low",
        "Not allowed",
        f"{whose} does not include {needed}. Make a key that does with: healthmon keys create --role {needed}.",
    )
