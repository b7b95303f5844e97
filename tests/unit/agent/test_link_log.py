"""The link is talked about once per change."""

import logging

import pytest

from agent.broker_trouble import Trouble
from agent.link_log import LinkLog

REFUSED = Trouble("connection refused rabbitmq:5672")
LOGIN = Trouble("login refused for user 'x'", "Check the password.")


@pytest.fixture(autouse=True)
def everything_is_captured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    messages = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return messages


def test_a_break_is_told_once_and_the_return_with_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.up(0.0)
    log.confirmed(1, all_sent=True)
    assert told(caplog) == ["first record confirmed by the broker rabbitmq:5672"]
    log.down(Trouble("connection lost rabbitmq:5672"), 0.4, 100.0)
    for attempt in range(5):
        log.down(REFUSED, 8.0, 101.0 + attempt)
    assert told(caplog) == ["hub unreachable (connection lost rabbitmq:5672), keeping snapshots, retry in 1 s"]
    log.up(131.0)
    log.confirmed(2, all_sent=False)
    log.confirmed(1, all_sent=True)
    log.confirmed(1, all_sent=True)
    assert told(caplog) == ["hub back after 31 s, sent 3 kept records"]


def test_a_cause_that_somebody_must_mend_is_told_also_later(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.down(REFUSED, 1.0, 0.0)
    log.down(LOGIN, 2.0, 1.0)
    log.down(LOGIN, 4.0, 3.0)
    assert told(caplog) == [
        "hub unreachable (connection refused rabbitmq:5672), keeping snapshots, retry in 1 s",
        "hub unreachable (login refused for user 'x'), keeping snapshots, retry in 2 s. Check the password.",
    ]


def test_a_broken_return_begins_anew_but_counts_from_the_first_break(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.down(REFUSED, 1.0, 0.0)
    log.up(10.0)
    log.down(REFUSED, 1.0, 11.0)
    log.up(60.0)
    told(caplog)
    log.confirmed(1, all_sent=True)
    assert told(caplog)[-1] == "hub back after 60 s, sent 1 kept records"


def test_a_full_queue_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.confirmed(1, all_sent=True)
    told(caplog)
    log.refused("rejected")
    log.refused("rejected")
    log.confirmed(2, all_sent=True)
    log.confirmed(1, all_sent=True)
    assert told(caplog) == [
        "hub rabbitmq:5672 does not take records (its queue is full), keeping them, trying again",
        "hub rabbitmq:5672 takes records again, sent 2 kept records",
    ]


def test_a_hub_short_of_disk_is_told_once_each_way(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.blocked()
    log.blocked()
    log.unblocked()
    log.unblocked()
    assert told(caplog) == [
        "hub rabbitmq:5672 is short of disk or memory and takes no records, keeping them",
        "hub rabbitmq:5672 takes records again",
    ]


def test_a_hub_short_of_disk_for_long_is_not_told_with_each_new_connection(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.blocked()
    for start in (300.0, 700.0):
        log.down(Trouble("rabbitmq:5672 took no messages for too long"), 1.0, start)
        log.up(start + 1)
        log.blocked()
    assert [line.split(",")[0] for line in told(caplog)] == [
        "hub rabbitmq:5672 is short of disk or memory and takes no records",
        "hub unreachable (rabbitmq:5672 took no messages for too long)",
    ]
    log.unblocked()
    log.confirmed(3, all_sent=True)
    log.blocked()
    assert [line.split(",")[0] for line in told(caplog)] == [
        "hub rabbitmq:5672 takes records again",
        "first record confirmed by the broker rabbitmq:5672",
        "hub back after 401 s",
        "hub rabbitmq:5672 is short of disk or memory and takes no records",
    ]


def test_a_hub_that_came_back_with_room_may_run_short_again(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog("rabbitmq:5672")
    log.blocked()
    log.down(REFUSED, 1.0, 0.0)
    log.up(10.0)
    log.confirmed(1, all_sent=True)
    told(caplog)
    log.blocked()
    assert told(caplog) == ["hub rabbitmq:5672 is short of disk or memory and takes no records, keeping them"]
