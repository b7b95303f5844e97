"""What is remembered of one reading."""

from processor.track import SET_BACK_MS, Track, forget_faded

NOW_MS = 1_790_000_000_000
WINDOW_MS = 300_000


def track(*times_ms: int) -> Track:
    """With each sample's time since NOW_MS in seconds as its value."""
    made = Track(WINDOW_MS)
    for time_ms in times_ms:
        made.add(time_ms, (time_ms - NOW_MS) / 1000)
    return made


def test_what_does_not_come_later_is_left_out() -> None:
    assert track(NOW_MS, NOW_MS + 5_000, NOW_MS + 5_000, NOW_MS + 4_000).newest(0) == [0.0, 5.0]


def test_a_clock_set_back_begins_anew() -> None:
    ahead_ms = 2 * 3_600_000
    back = track(NOW_MS + ahead_ms, NOW_MS + ahead_ms + 5_000, NOW_MS, NOW_MS + 5_000)
    assert back.newest(0) == [0.0, 5.0]
    assert [value for _, value in back.points()] == [0.0, 5.0, 0.0, 5.0]
    assert track(NOW_MS, NOW_MS - SET_BACK_MS).newest(0) == [0.0]


def test_what_is_not_reported_any_more_is_forgotten() -> None:
    tracks = {"gone": track(NOW_MS), "seldom": track(NOW_MS + 5_000), "there": track(NOW_MS + WINDOW_MS + 5_000)}
    forget_faded(tracks)
    assert list(tracks) == ["seldom", "there"]
    forget_faded({})
