"""Whatever happens in whatever order: who hears of a problem hears of its end, once; nobody hears while it is muted."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from health.state import State
from processor.notifiers.notifier import Message, NotifierError
from store import notices
from store.engine import reading
from store.model import Change, CheckKey
from store.outbox import OPENERS, facts
from store.response import Notice, NoticeKind
from tests.unit.processor.notify.hub import Hub, Narrow, Receiver, settings_of, store_at

CHECKS = [CheckKey("web-1", "disk", "a"), CheckKey("web-1", "disk", "b"), CheckKey("web-2", "cpu", "")]
ROUTES = (
    {
        "channels": ["ops"],
        "grouping_seconds": 3,
        "remind_every_seconds": 60,
        "escalate_after_seconds": 30,
        "escalate_to": ["boss"],
        "continue": True,
    },
    {"channels": ["pager", "ops"], "severities": ["critical"]},
)
REFUSED = NotifierError("refused")
UNSURE = NotifierError("no answer", is_unsure=True)
BAD_SECRET = NotifierError("401", permanent=True)


class Life(RuleBasedStateMachine):
    """Checks, people, notifiers and the processor do what they like; `hub` is the real desk over a real store."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.mkdtemp()
        self.engine = store_at(Path(self._folder) / "store.db", self.template)
        self.hub = Hub(self.engine, settings_of(*ROUTES, channels=("ops", "pager", "boss")))
        self.hub.receivers["ops"] = Narrow(most=2)
        self.hub.restart()
        for check in CHECKS:  # who is not known cannot be muted
            self.hub.happen(Change.CLOSED, check)
        self.open: dict[CheckKey, int] = {}
        self.flapping: dict[int, set[str]] = {}  # by incident: the keys that were tried before it began
        self.mutes: dict[int, CheckKey | None] = {}
        self.wrong: list[str] = []  # what a receiver saw and must not see
        for name, receiver in self.hub.receivers.items():
            receiver.watch = lambda its, message, name=name: self._see(name, its, message)  # type: ignore[misc]

    def _see(self, channel: str, receiver: Receiver, message: Message) -> None:
        for notice in message.notices:
            with reading(self.engine) as connection:
                [incident] = [each for each in facts(connection, {notice.number or 0}) if each.number == notice.number]
            if any(key in (None, incident.key) for key in self.mutes.values()):
                self.wrong.append(f"{notice} while muted")
            heard = {each.dedup_key for each in receiver.notices if each.number == notice.number}
            known = self.flapping.get(incident.number, {notice.dedup_key})
            if notice.dedup_key not in known and notice.kind is not NoticeKind.FLAPPING:
                self.wrong.append(f"{notice} while it flaps")
            if notice.kind is NoticeKind.RECOVERY and incident.closed_ms is None:
                self.wrong.append(f"{notice} while it is open")
            if notice.kind is not NoticeKind.RECOVERY and f"{notice.number}/{channel}/recovery" in heard:
                self.wrong.append(f"{notice} after the recovery")

    @rule(check=st.sampled_from(CHECKS), severity=st.sampled_from([State.WARNING, State.CRITICAL]))
    def opens_or_moves(self, check: CheckKey, severity: State) -> None:
        if self.open.get(check) in self.flapping:
            return
        what = Change.WORSENED if check in self.open else Change.OPENED
        self.open[check] = self.hub.happen(what, check, severity)

    @rule(check=st.sampled_from(CHECKS))
    def closes(self, check: CheckKey) -> None:
        if check not in self.open:
            return
        self._settle(check)
        self.hub.happen(Change.CLOSED, check)
        del self.open[check]

    @rule(check=st.sampled_from(CHECKS))
    def flaps_or_settles(self, check: CheckKey) -> None:
        if check not in self.open or self._settle(check):
            return
        self.hub.happen(Change.FLAPPING, check)
        self.flapping[self.open[check]] = {notice.dedup_key for notice in self.hub.kept if notice.leased_until_ms}

    @rule(check=st.sampled_from([None, *CHECKS]))
    def mute_begins_or_ends(self, check: CheckKey | None) -> None:
        for mute_no, muted in self.mutes.items():
            if muted == check:
                self.hub.lift(mute_no)
                del self.mutes[mute_no]
                return
        whom = {} if check is None else {"agent_id": check.agent_id, "rule": check.rule, "subject": check.subject}
        self.mutes[self.hub.mute(**whom)] = check

    @rule(check=st.sampled_from(CHECKS))
    def acknowledged(self, check: CheckKey) -> None:
        if check in self.open:
            self.hub.acknowledge(self.open[check])

    @rule(
        channel=st.sampled_from(["ops", "pager", "boss"]),
        fails=st.sampled_from([None, REFUSED, UNSURE, BAD_SECRET]),
        takes=st.booleans(),
    )
    def notifier_changes(self, channel: str, fails: NotifierError | None, takes: bool) -> None:
        receiver = self.hub.receivers[channel]
        receiver.fails = fails
        receiver.takes = fails is None or (takes and fails.is_unsure)

    @rule(data=st.data())
    def somebody_has_a_dead_one_tried_again(self, data: st.DataObject) -> None:
        dead = [notice.notice_no for notice in self.hub.kept if notice.dead_ms is not None]
        if dead:
            notices.retry_dead(self.engine, data.draw(st.sampled_from(dead)), self.hub.now_ms)

    @rule()
    def crashes(self) -> None:
        self.hub.restart()

    @rule(seconds=st.sampled_from([1, 2, 5, 20, 65]))
    def time_goes_by(self, seconds: int) -> None:
        self.hub.pass_seconds(seconds, at_once=seconds > 2)

    @invariant()
    def recoveries_follow_one_problem(self) -> None:
        assert self.wrong == []
        kept = self.hub.kept
        dead = {notice.dedup_key for notice in kept if notice.dead_ms is not None}
        for receiver in self.hub.receivers.values():
            by_incident: dict[int | None, dict[str, NoticeKind]] = {}
            for notice in receiver.notices:
                by_incident.setdefault(notice.number, {}).setdefault(notice.dedup_key, notice.kind)
            for told in by_incident.values():
                assert next(iter(told.values())) in OPENERS
                kinds = [kind for key, kind in told.items() if key not in dead]
                assert kinds.count(NoticeKind.PROBLEM) <= 1
                assert kinds.count(NoticeKind.RECOVERY) <= 1
        delivered = Counter((each.number, each.channel, each.kind) for each in kept if each.delivered_ms is not None)
        assert all(delivered[its] == 1 for its in delivered if its[2] in (NoticeKind.PROBLEM, NoticeKind.RECOVERY))
        heard = {notice.dedup_key for receiver in self.hub.receivers.values() for notice in receiver.notices}
        assert {each.dedup_key for each in kept if each.delivered_ms is not None} <= heard

    def teardown(self) -> None:
        """In the end all is well again: then nothing waits, and every problem that was delivered has its end."""
        try:
            self._heal()
            assert self.wrong == []
            kept = self.hub.kept
            assert self.hub.waiting == []
            for name in self.hub.receivers:
                its = [notice for notice in kept if notice.channel == name]
                told = {each.number for each in its if each.kind in OPENERS and each.delivered_ms is not None}
                ended = {
                    each.number for each in its if each.kind is NoticeKind.RECOVERY and each.delivered_ms is not None
                }
                given_up = {
                    each.number for each in its if each.kind is NoticeKind.RECOVERY and each.dead_ms is not None
                }
                assert told == ended | given_up, f"{name} never heard of the end of {told - ended}"
                self._check_heard(name, its, ended | given_up)
        finally:
            self.engine.dispose()
            shutil.rmtree(self._folder)

    def _check_heard(self, name: str, its: Sequence[Notice], ended: set[int | None]) -> None:
        """Whoever heard of it, though the try was not counted, hears of its end; unless all of it is dead."""
        dead = {notice.dedup_key for notice in its if notice.dead_ms is not None}
        for notice in self.hub.receivers[name].notices:
            assert notice.number in ended or notice.dedup_key in dead, f"{name} never heard of the end of {notice}"

    def _heal(self) -> None:
        for receiver in self.hub.receivers.values():
            receiver.fails, receiver.takes = None, True
        for mute_no in list(self.mutes):
            self.hub.lift(mute_no)
            del self.mutes[mute_no]
        for check in list(self.open):
            self.closes(check)
        for _ in range(8):
            self.hub.pass_seconds(610, at_once=True)

    def _settle(self, check: CheckKey) -> bool:
        if self.flapping.pop(self.open[check], None) is None:
            return False
        self.hub.happen(Change.SETTLED, check)
        return True


def test_problems_and_recoveries_are_paired(sqlite_template: Path) -> None:
    Life.template = sqlite_template
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate],  # shrinking takes minutes here
        ),
    )
