"""A backlog goes out at most so fast."""

from agent.pace import AT_ONCE, MESSAGES_A_SECOND, Pace


def test_some_go_at_once_then_twenty_a_second() -> None:
    pace = Pace()
    assert [pace.wait_seconds(0.0) for _ in range(int(AT_ONCE))] == [0.0] * int(AT_ONCE)
    now, sent = 0.0, 0
    while now < 10.0:
        wait_seconds = pace.wait_seconds(now)
        sent += wait_seconds == 0.0
        now += wait_seconds + 0.0001
    assert 190 <= sent <= MESSAGES_A_SECOND * 10


def test_what_was_not_used_is_not_saved_up_for_ever() -> None:
    pace = Pace()
    pace.wait_seconds(0.0)
    assert [pace.wait_seconds(1e6) for _ in range(int(AT_ONCE) + 1)].count(0.0) == AT_ONCE
