"""An agent is as fresh as its newest snapshot: what else it sends says nothing about its host."""

from typing import Any

import pytest

from health.state import State
from store.model import Agent, agent_state

NOW_MS = 1_800_000_000_000
LONG_AGO_MS = NOW_MS - 3_600_000


def agent(**changes: Any) -> Agent:
    """An agent whose newest snapshot was received now."""
    fields: dict[str, Any] = {
        "agent_id": "web-1",
        "first_seen_ms": LONG_AGO_MS,
        "last_seen_ms": NOW_MS,
        "snapshot_ms": NOW_MS,
        "snapshot_received_ms": NOW_MS,
    }
    return Agent(**{**fields, **changes})


def greeted(**changes: Any) -> Agent:
    return agent(**{"snapshot_ms": None, "snapshot_received_ms": None, **changes})


@pytest.mark.parametrize(
    ("one", "state", "connected", "streaming"),
    [
        (agent(), State.OK, True, True),
        (agent(snapshot_received_ms=NOW_MS - 15_000), State.OK, True, True),
        (agent(snapshot_received_ms=NOW_MS - 15_001), State.STALE, True, False),
        (agent(snapshot_received_ms=NOW_MS - 180_000, interval_ms=60_000), State.OK, True, True),
        (agent(snapshot_received_ms=NOW_MS - 180_001, interval_ms=60_000), State.STALE, True, False),
        (agent(snapshot_received_ms=LONG_AGO_MS, last_seen_ms=LONG_AGO_MS), State.STALE, False, False),
        (agent(goodbye_ms=NOW_MS), State.STALE, False, False),
        (agent(snapshot_received_ms=NOW_MS + 10_000, last_seen_ms=NOW_MS + 10_000), State.OK, True, True),
        (agent(snapshot_received_ms=NOW_MS + 10_001, last_seen_ms=NOW_MS + 10_001), State.STALE, False, False),
        (agent(is_blind=True), State.UNKNOWN, True, True),
        (agent(is_blind=True, snapshot_received_ms=NOW_MS - 15_001), State.STALE, True, False),
        (greeted(), State.WAITING, True, False),
        (greeted(last_seen_ms=NOW_MS - 15_001), State.STALE, False, False),
        (greeted(last_seen_ms=NOW_MS + 10_001), State.STALE, False, False),
        (greeted(goodbye_ms=NOW_MS), State.STALE, False, False),
    ],
)
def test_silence_is_judged_by_the_newest_snapshot(one: Agent, state: State, connected: bool, streaming: bool) -> None:
    assert agent_state(one, None, NOW_MS) is state
    assert one.is_connected(NOW_MS) is connected
    assert one.is_streaming(NOW_MS) is streaming


def test_no_data_outranks_a_warning_and_a_critical_incident_outranks_no_data() -> None:
    stale = agent(snapshot_received_ms=LONG_AGO_MS)
    assert agent_state(stale, State.WARNING, NOW_MS) is State.STALE
    assert agent_state(stale, State.CRITICAL, NOW_MS) is State.CRITICAL


def test_what_is_known_to_be_wrong_outranks_what_is_not_measured() -> None:
    blind = agent(is_blind=True)
    assert agent_state(blind, State.WARNING, NOW_MS) is State.WARNING
    assert agent_state(blind, State.MUTED, NOW_MS) is State.UNKNOWN
