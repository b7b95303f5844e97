"""What the help desk keeps by itself, and the pages of the quarantine."""

import hashlib

import pytest
from sqlalchemy import Engine

from store import commands, fence, keys, quarantine
from store.engine import reading, transaction
from store.flow import last_flow
from store.ingest import keep_batch
from store.role import Role
from tests.contract.store.builders import NOW_MS, batch, poison


def test_keys_are_found_by_digest_and_end_once(store_engine: Engine) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    with transaction(store_engine) as connection:
        assert not keys.any_active(connection)
        key = keys.add_key(connection, name="ci", role=Role.OPERATOR, sha256=digest, created_ms=NOW_MS)
        assert keys.any_active(connection)
    assert (key.name, key.role, key.sha256, key.created_ms, key.revoked_ms) == (
        "ci",
        Role.OPERATOR,
        digest,
        NOW_MS,
        None,
    )
    with transaction(store_engine) as connection:
        assert keys.find_by_sha256(connection, digest) == key
        assert keys.find_by_sha256(connection, "0" * 64) is None
        keys.revoke(connection, key.key_id, NOW_MS + 1)
        ended = keys.revoke(connection, key.key_id, NOW_MS + 2)
        assert ended is not None
        assert ended.revoked_ms == NOW_MS + 1
        assert keys.list_keys(connection) == [ended]
        assert not keys.any_active(connection)
        assert keys.revoke(connection, key.key_id + 1, NOW_MS) is None


def test_a_command_needs_a_known_agent(store_engine: Engine) -> None:
    with pytest.raises(LookupError, match="'nobody'"), transaction(store_engine) as connection:
        commands.add(connection, command_id="c", agent_id="nobody", kind="poll", created_ms=1, expires_ms=2)
    with reading(store_engine) as connection:
        assert commands.get(connection, "c") is None


def test_there_is_no_flow_before_the_first_canary(store_engine: Engine) -> None:
    with reading(store_engine) as connection:
        assert last_flow(connection) is None


def test_the_quarantine_is_counted_and_listed_newest_first_in_pages(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    bodies = [b"one", b"two", b"three\x00"]
    poisons = [poison(body, message_id="m", headers={"x": "y"}) for body in bodies]
    keep_batch(store_engine, batch(quarantined=poisons), epoch)
    with reading(store_engine) as connection:
        assert quarantine.count(connection) == 3
        page = quarantine.list_entries(connection, before=None, limit=2)
        rest = quarantine.list_entries(connection, before=page[-1].no, limit=2)
        assert [quarantine.get(connection, entry.no) for entry in page + rest] == poisons[::-1]
        assert quarantine.get(connection, page[0].no + 1) is None
    assert [entry.size_bytes for entry in page + rest] == [6, 3, 3]
    assert page[0].sha256 == hashlib.sha256(b"three\x00").hexdigest()
