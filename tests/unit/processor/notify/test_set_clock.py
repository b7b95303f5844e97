"""Whoever sets the wall clock, back or forward: no notice is lost, doubled, or delayed by more than its own wait."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from processor.notifiers.notifier import NotifierError
from processor.notify import desk
from processor.notify.steady import LEASE_MS
from store.model import Change, CheckKey
from store.response import NoticeKind
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub, settings_of, store_at

DAY_MS = 86_400_000
GROUPING_SECONDS, RETRY_SECONDS, REMIND_SECONDS, ESCALATE_SECONDS = 10, 7, 60, 40
ROUTE = {
    "grouping_seconds": GROUPING_SECONDS,
    "remind_every_seconds": REMIND_SECONDS,
    "escalate_after_seconds": ESCALATE_SECONDS,
    "escalate_to": ["boss"],
}
WAITS_SECONDS = {
    NoticeKind.PROBLEM: GROUPING_SECONDS,
    NoticeKind.RECOVERY: GROUPING_SECONDS,
    NoticeKind.REMINDER: REMIND_SECONDS + GROUPING_SECONDS,
    NoticeKind.ESCALATION: ESCALATE_SECONDS + GROUPING_SECONDS,
}
UNTIL_THE_END = (NoticeKind.REMINDER, NoticeKind.ESCALATION)
ENDS_AT_SECOND = 150  # the first incident
FEW = settings(deadline=None, max_examples=4, phases=[Phase.explicit, Phase.reuse, Phase.generate])
SET_MS = st.integers(-3 * DAY_MS, 3 * DAY_MS)


@dataclass(frozen=True)
class Moment:
    """What happens before a second goes by."""

    set_ms: int = 0
    is_restarted: bool = False


@dataclass
class Heard:
    """When each notice came first, in seconds since the beginning, by channel and key."""

    at_seconds: dict[tuple[str, str], int] = field(default_factory=dict)
    kinds: dict[tuple[str, str], NoticeKind] = field(default_factory=dict)
    doubled: list[tuple[str, str]] = field(default_factory=list)


def life(template: Path, moments: dict[int, Moment], seconds: int = 240) -> Heard:
    """Two incidents, one of which ends, at a receiver that is away for a while; `moments` by their second."""
    folder, heard = tempfile.mkdtemp(), Heard()
    engine = store_at(Path(folder) / "store.db", template)
    try:
        hub = Hub(engine, settings_of(ROUTE, channels=("ops", "boss")))
        for second in range(seconds):
            moment = moments.get(second, Moment())
            if moment.set_ms:
                hub.step(moment.set_ms)
            if moment.is_restarted:
                hub.restart()
            _happen(hub, second)
            hub.pass_seconds(1)
            _listen(hub, heard, second)
        assert all(each.dead_ms is None for each in hub.kept)
    finally:
        engine.dispose()
        shutil.rmtree(folder)
    return heard


def _happen(hub: Hub, second: int) -> None:
    if second in (3, 30):
        hub.happen(Change.OPENED, CheckKey(f"web-{second}", "disk", ""))
    if second == ENDS_AT_SECOND:
        hub.happen(Change.CLOSED, CheckKey("web-3", "disk", ""))
    is_away = 5 <= second <= 20
    hub.ops.fails, hub.ops.takes = (NotifierError("refused") if is_away else None), not is_away


def _listen(hub: Hub, heard: Heard, second: int) -> None:
    for channel, receiver in hub.receivers.items():
        for notice in receiver.notices:
            key = (channel, notice.dedup_key)
            if key in heard.at_seconds:
                heard.doubled.append(key)
            heard.at_seconds.setdefault(key, second)
            heard.kinds[key] = notice.kind
        receiver.messages.clear()


@pytest.fixture(scope="module", autouse=True)
def steady_retries() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "retry_delay_ms", lambda _: RETRY_SECONDS * 1_000)
        patch.setattr(desk, "longest_retry_ms", lambda _: RETRY_SECONDS * 1_000)
        yield


@pytest.fixture(scope="module")
def undisturbed(sqlite_template: Path) -> Heard:
    return life(sqlite_template, {})


@FEW
@example(sets={5: -DAY_MS, 12: DAY_MS, 60: -DAY_MS, 151: -DAY_MS})
@given(sets=st.dictionaries(st.integers(0, 239), SET_MS, max_size=6))
def test_a_process_that_runs_notices_nothing_of_it(
    sqlite_template: Path, undisturbed: Heard, sets: dict[int, int]
) -> None:
    heard = life(sqlite_template, {second: Moment(ms) for second, ms in sets.items()})
    assert heard == undisturbed
    assert heard.doubled == []
    assert set(heard.kinds.values()) == set(WAITS_SECONDS)


@FEW
@example(second=8, set_ms=-DAY_MS)  # something is to be tried again
@example(second=60, set_ms=-DAY_MS)  # something is to be said again
@example(second=60, set_ms=DAY_MS)
@given(second=st.integers(1, 239), set_ms=SET_MS)
def test_a_restart_delays_by_the_own_wait_at_most(
    sqlite_template: Path, undisturbed: Heard, second: int, set_ms: int
) -> None:
    heard = life(sqlite_template, {second: Moment(set_ms, is_restarted=True)}, seconds=240 + REMIND_SECONDS * 2)
    assert all(heard.at_seconds[key] == second - 1 for key in heard.doubled), "none but what was not noted yet"
    for key, at_seconds in undisturbed.at_seconds.items():
        kind = undisturbed.kinds[key]
        latest = at_seconds + WAITS_SECONDS[kind] + RETRY_SECONDS + LEASE_MS // 1_000
        may_be_over = kind in UNTIL_THE_END and key[1].startswith("1/") and latest >= ENDS_AT_SECOND
        assert key in heard.at_seconds or may_be_over, f"{key} was lost"
        assert heard.at_seconds.get(key, 0) <= latest, key


def test_a_clock_set_forward_by_days_buries_nothing_untried(new_hub: NewHub) -> None:
    hub = new_hub({"grouping_seconds": 3})
    hub.happen(Change.OPENED)
    hub.pass_seconds(1)
    hub.step(3 * DAY_MS)
    hub.restart()
    hub.pass_seconds(10)
    assert hub.ops.told == [NoticeKind.PROBLEM]
