"""Asking an agent to report now: with an agent that answers, one that does not, one that cannot be asked."""

import queue
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from rabbitmq.commands import Command
from store.model import Batch, CommandOutcome
from tests.contract.http.conftest import NotingSender, client_of
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, greeted, healthy, silent, snapshot

Keep = Callable[[Batch], object]
POLL = "/api/v1/agents/web-3.example/poll"


def agent_that_answers(keep: Keep, outcome: str = "done", detail: str = "") -> Callable[[Command], None]:
    """Plays the agent and the processor: a fresh snapshot and the command's result are stored."""

    def answer(command: Command) -> None:
        fresh = agent(snapshot_seq=3, snapshot_ms=NOW_MS, snapshot_received_ms=NOW_MS)
        ended = CommandOutcome(command_id=command.command_id, outcome=outcome, detail=detail, received_ms=NOW_MS)
        keep(Batch(agents=[fresh], snapshots=[snapshot(seq=3, wall_ms=NOW_MS)], outcomes=[ended]))

    return answer


def test_a_poll_answers_with_the_fresh_snapshot(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(healthy("web-3"))
    sender.on_send = agent_that_answers(keep)
    answer = client.post(POLL)
    assert (answer.status_code, answer.json()["seq"]) == (200, 3)
    [(reply_to, command)] = sender.sent
    assert reply_to == "amq.rabbitmq.reply-to.abc"
    assert (command.agent_id, command.kind) == ("web-3", "poll")
    assert command.expires_seconds == command.issued_seconds + 30


def test_an_answer_that_is_not_back_in_time_is_accepted_with_the_command(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    answer = client.post(POLL)
    assert answer.status_code == 202
    assert answer.json()["command_id"]
    assert "/api/v1/agents/web-3/metrics" in answer.json()["detail"]


def test_a_refused_poll_says_why(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(healthy("web-3"))
    sender.on_send = agent_that_answers(keep, "refused", "expired 4 s ago")
    answer = client.post(POLL)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/agent-not-reached")
    assert "refused the poll: expired 4 s ago" in answer.json()["detail"]


def test_an_agent_that_is_heard_can_be_polled_for_the_metrics_it_does_not_send(
    client: TestClient, keep: Keep, sender: NotingSender
) -> None:
    keep(Batch(agents=[silent(last_seen_ms=NOW_MS - 1_000)]))
    sender.on_send = agent_that_answers(keep)
    assert client.post(POLL).status_code == 200


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (silent(), "No data for 4 min"),
        (agent(goodbye_ms=NOW_MS, goodbye_reason="stopped"), "was stopped"),
        (greeted("web-3", reply_to=None), "reply address"),
        (agent(reply_to="ingest"), "reply address"),
    ],
)
def test_an_agent_that_cannot_be_reached_is_a_conflict_with_the_reason(
    client: TestClient, keep: Keep, sender: NotingSender, asked: "object", reason: str
) -> None:
    keep(FLOWING)
    keep(Batch(agents=[asked]))  # type: ignore[list-item]
    answer = client.post("/api/v1/agents/web-3/poll")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/agent-not-reached")
    assert reason in answer.json()["detail"]
    assert sender.sent == []


def test_a_full_road_is_a_conflict_and_not_an_error(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(healthy("web-3"))

    def full(_: Command) -> None:
        raise queue.Full

    sender.on_send = full
    assert "broker is away" in client.post(POLL).json()["detail"]


def test_waiting_polls_are_bounded(desk: Desk, keep: Keep) -> None:
    keep(healthy("web-3"))
    client = client_of(replace(desk))
    places = desk.poll_places
    while places.acquire(blocking=False):
        pass
    answer = client.post(POLL)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    places.release()
    assert client.post(POLL).status_code == 202
    assert client.post(POLL).status_code == 202  # the place was given back


def test_an_unknown_agent_cannot_be_polled(client: TestClient) -> None:
    assert client.post("/api/v1/agents/nobody/poll").status_code == 404
