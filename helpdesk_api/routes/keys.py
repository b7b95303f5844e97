"""Administration: API keys."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from helpdesk_api.access import ADMIN, new_key, sha256_of
from helpdesk_api.answers.keys import KeyAnswer, NewKeyAnswer, key_answer
from helpdesk_api.answers.listing import Listing
from helpdesk_api.desk import TheDesk
from helpdesk_api.problem import PROBLEMS_ANSWERED, not_found
from store import keys
from store.engine import reading, transaction
from store.role import Role

LARGEST_ID = 2**53 - 1
router = APIRouter(prefix="/api/v1/keys", tags=["Keys"], dependencies=[ADMIN], responses=PROBLEMS_ANSWERED)


class KeyWish(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100, description="Whose it is, for people.")]
    role: Role


@router.post("", summary="Make a key", operation_id="create_key", status_code=HTTPStatus.CREATED)
def create_key(wish: KeyWish, desk: TheDesk) -> NewKeyAnswer:
    """The only time the secret is shown."""
    secret = new_key()
    with transaction(desk.engine) as connection:
        kept = keys.add_key(
            connection, name=wish.name, role=wish.role, sha256=sha256_of(secret), created_ms=desk.now_ms()
        )
    return NewKeyAnswer(key=secret, **key_answer(kept).model_dump())


@router.get("", summary="List keys", operation_id="list_keys")
def list_keys(desk: TheDesk) -> Listing[KeyAnswer]:
    """All of them, revoked ones too, without their secrets."""
    with reading(desk.engine) as connection:
        return Listing(items=[key_answer(key) for key in keys.list_keys(connection)])


@router.delete("/{key_id}", summary="Revoke a key", operation_id="revoke_key")
def revoke_key(key_id: Annotated[int, Path(ge=1, le=LARGEST_ID)], desk: TheDesk) -> KeyAnswer:
    """It stops working at once. Revoking it again changes nothing."""
    with transaction(desk.engine) as connection:
        revoked = keys.revoke(connection, key_id, desk.now_ms())
    if revoked is None:
        raise not_found(f"key {key_id}", "/api/v1/keys lists those there are.")
    return key_answer(revoked)
