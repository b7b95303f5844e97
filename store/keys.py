"""API keys. Their secrets never come here, only the SHA-256 of them, in hexadecimal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from store.role import Role
from store.tables import api_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key for people and scripts; only the SHA-256 of its secret is kept."""

    key_id: int
    name: str
    role: Role
    sha256: str
    created_ms: int
    revoked_ms: int | None = None


def add_key(connection: Connection, *, name: str, role: Role, sha256: str, created_ms: int) -> ApiKey:
    row = {"name": name, "role": role, "sha256": sha256, "created_ms": created_ms}
    added = connection.execute(insert(api_key).values(row).returning(*api_key.c)).mappings().one()
    return _key(added)


def find_by_sha256(connection: Connection, sha256: str) -> ApiKey | None:
    """The key with this digest, revoked ones too: look at `revoked_ms`."""
    row = connection.execute(select(api_key).where(api_key.c.sha256 == sha256)).mappings().first()
    return _key(row) if row else None


def list_keys(connection: Connection) -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    return [_key(row) for row in connection.execute(select(api_key).order_by(api_key.c.key_id)).mappings()]


def revoke(connection: Connection, key_id: int, now_ms: int) -> ApiKey | None:
    """End a key; one that was revoked before keeps its time. None when there is no such key."""
    active = (api_key.c.key_id == key_id) & api_key.c.revoked_ms.is_(None)
    connection.execute(update(api_key).where(active).values(revoked_ms=now_ms))
    row = connection.execute(select(api_key).where(api_key.c.key_id == key_id)).mappings().first()
    return _key(row) if row else None


def any_active(connection: Connection) -> bool:
    return (
        connection.execute(select(api_key.c.key_id).where(api_key.c.revoked_ms.is_(None)).limit(1)).first() is not None
    )


def _key(row: Mapping[Any, Any]) -> ApiKey:
    return ApiKey(**{**row, "role": Role(row["role"])})
