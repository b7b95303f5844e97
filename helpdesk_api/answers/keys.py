"""An API key as administrators see it; its secret shows once, when it is made."""

from pydantic import BaseModel, Field

from helpdesk_api.times import Moment, moment
from store.keys import ApiKey
from store.role import Role


class KeyAnswer(BaseModel):
    key_id: int
    name: str
    role: Role
    created: Moment
    revoked: Moment | None


class NewKeyAnswer(KeyAnswer):
    key: str = Field(description="The secret. Keep it now: only its SHA-256 is stored.")


def key_answer(key: ApiKey) -> KeyAnswer:
    return KeyAnswer(
        key_id=key.key_id,
        name=key.name,
        role=key.role,
        created=moment(key.created_ms),
        revoked=None if key.revoked_ms is None else moment(key.revoked_ms),
    )
