"""Events as RabbitMQ 3.10.8 sends them, and from whoever they come."""

from typing import Any

import pytest

from processor.silence.broker_events import ConnectionEvent, read_event

CLIENT = [
    '{<<"product">>,longstr,<<"Pika Python Client Library">>}',
    '{<<"connection_name">>,longstr,<<"healthmon-agent/web-3">>}',
    '{<<"agent_id">>,longstr,<<"4f2a-web">>}',
]


def headers(**changed: Any) -> dict[str, Any]:
    return {
        "client_properties": CLIENT,
        "node": "healthmon@localhost",
        "pid": "<healthmon@localhost.1795277291.811.0>",
        "name": "10.0.0.7:47360 -> 10.0.0.1:5672",
        "user_provided_name": "healthmon-agent/web-3",
        "timestamp_in_ms": 1795277298435,
    } | changed


def event(routing_key: str = "connection.closed", **changed: Any) -> ConnectionEvent | None:
    return read_event(routing_key, headers(**changed), 7)


def test_an_agents_connection() -> None:
    assert event() == ConnectionEvent(
        is_open=False,
        connection="<healthmon@localhost.1795277291.811.0>",
        agent_id="4f2a-web",
        agent_name="",
        peer_host="10.0.0.7",
        at_ms=7,
    )


def test_an_agent_of_an_earlier_version_is_known_by_its_name() -> None:
    found = event("connection.created", client_properties=CLIENT[:2])
    assert found is not None
    assert (found.is_open, found.agent_id, found.agent_name) == (True, "", "web-3")


def test_client_properties_as_a_table() -> None:
    found = event(client_properties={"agent_id": "4f2a-web"})
    assert found is not None
    assert found.agent_id == "4f2a-web"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("[2001:db8::7]:47360 -> [2001:db8::1]:5672", "2001:db8::7"),
        ("2001:db8::7:47360 -> 2001:db8::1:5672", "2001:db8::7"),
        ("::ffff:10.0.0.7:47360 -> ::ffff:10.0.0.1:5672", "10.0.0.7"),
        ("web-3.example:47360 -> hub.example:5672", None),
        ("", None),
    ],
)
def test_where_it_came_from(name: str, address: str | None) -> None:
    found = event(name=name)
    assert found is not None
    assert found.peer_host == address


def test_other_connections_are_nobodys() -> None:
    assert event(user_provided_name="healthmon-processor") is None
    assert event("queue.deleted") is None
    assert read_event("connection.closed", {}, 7) is None
