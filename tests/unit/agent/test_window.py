"""The window: each record is waiting, in flight or confirmed, whatever the broker answers in whatever order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.window import Answer, Message, Window

CAPACITY = 4
TIMEOUT_SECONDS = 60.0


class WindowMachine(RuleBasedStateMachine):
    """A broker that answers as it likes, and a publisher that keeps its own books beside the window's."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(capacity=CAPACITY, confirm_timeout_seconds=TIMEOUT_SECONDS)
        self.now = 1000.0
        self.next_seq = 1
        self.next_tag = 1
        self.is_open = self.is_blocked = self.has_answered = False
        self.paused_until = 0.0
        self.waiting: set[int] = set()
        self.confirmed: set[int] = set()
        self.in_flight: dict[int, Message] = {}
        self.returned: set[int] = set()
        self.silent_since = self.now

    @initialize()
    def open_first(self) -> None:
        self.open()

    @precondition(lambda self: not self.is_open)
    @rule()
    def open(self) -> None:
        self.window.opened()
        self.is_open, self.has_answered, self.next_tag = True, False, 1

    @rule(count=st.integers(1, 3))
    def keep(self, count: int) -> None:
        self.waiting.update(range(self.next_seq, self.next_seq + count))
        self.next_seq += count

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(1, 3))
    def publish(self, count: int) -> None:
        if self.window.refusal(self.now) is not None:
            return
        seqs = tuple(sorted(self.waiting)[:count])
        message = Message(f"{seqs[0]}-{seqs[-1]}", seqs)
        if not self.in_flight:
            self.silent_since = self.now
        self.window.published(self.next_tag, message, self.now)
        self.in_flight[self.next_tag] = message
        self.waiting.difference_update(seqs)
        self.next_tag += 1

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def return_one(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(sorted(self.in_flight)))
        self.window.returned(self.in_flight[tag].message_id)
        self.returned.add(tag)

    @rule(message_id=st.text(max_size=8))
    def return_a_stranger(self, message_id: str) -> None:
        self.window.returned(f"stranger {message_id}")

    @precondition(lambda self: self.is_open)
    @rule(tag=st.integers(0, 12), multiple=st.booleans())
    def ack(self, tag: int, multiple: bool) -> None:
        tags = self._answered(tag, multiple)
        vetoed = {seq for t in tags if t in self.returned for seq in self.in_flight[t].positions}
        accepted = {seq for t in tags if t not in self.returned for seq in self.in_flight[t].positions}
        answer = self.window.acked(tag, multiple, self.now)
        assert set(answer.confirmed) == accepted
        assert set(answer.again) == vetoed
        assert answer.reason == ("unroutable" if vetoed else "")
        self._settle(tags, answer)

    @precondition(lambda self: self.is_open)
    @rule(tag=st.integers(0, 12), multiple=st.booleans())
    def nack(self, tag: int, multiple: bool) -> None:
        tags = self._answered(tag, multiple)
        answer = self.window.nacked(tag, multiple, self.now)
        assert answer.confirmed == ()
        assert set(answer.again) == {seq for t in tags for seq in self.in_flight[t].positions}
        assert answer.reason == ("rejected" if tags else "")
        self._settle(tags, answer)

    @precondition(lambda self: self.is_open)
    @rule()
    def block(self) -> None:
        self.window.blocked()
        self.is_blocked = True

    @precondition(lambda self: self.is_blocked)
    @rule()
    def unblock(self) -> None:
        self.window.unblocked(self.now)
        self.is_blocked = False
        self.silent_since = self.now

    @rule(seconds=st.floats(0.0, 5.0))
    def pause(self, seconds: float) -> None:
        self.paused_until = self.now + seconds
        self.window.paused(self.paused_until)

    @rule(seconds=st.floats(0.1, 90.0))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.is_open)
    @rule()
    def close(self) -> None:
        again = self.window.closed()
        assert set(again) == {seq for message in self.in_flight.values() for seq in message.positions}
        self.waiting.update(again)
        self.in_flight.clear()
        self.returned.clear()
        self.is_open = self.is_blocked = False

    @invariant()
    def every_record_is_in_one_place(self) -> None:
        in_flight = self.window.in_flight_positions
        assert in_flight == {seq for message in self.in_flight.values() for seq in message.positions}
        assert not in_flight & self.waiting
        assert not in_flight & self.confirmed
        assert not self.waiting & self.confirmed
        assert in_flight | self.waiting | self.confirmed == set(range(1, self.next_seq))

    @invariant()
    def publishing_is_refused_for_the_first_reason_there_is(self) -> None:
        reasons = {
            "closed": not self.is_open,
            "blocked": self.is_blocked,
            "pausing": self.now < self.paused_until,
            "full": len(self.in_flight) >= (CAPACITY if self.has_answered else 1),
        }
        assert self.window.refusal(self.now) == next((reason for reason, holds in reasons.items() if holds), None)

    @invariant()
    def it_stalls_only_unanswered_and_unblocked(self) -> None:
        silent_seconds = self.now - self.silent_since
        expected = bool(self.in_flight) and not self.is_blocked and silent_seconds >= TIMEOUT_SECONDS
        assert self.window.stalled(self.now) == expected

    def _answered(self, tag: int, multiple: bool) -> list[int]:
        self.silent_since, self.has_answered = self.now, True
        return [t for t in self.in_flight if t == tag or (multiple and (t <= tag or tag == 0))]

    def _settle(self, tags: list[int], answer: Answer) -> None:
        self.confirmed.update(answer.confirmed)
        self.waiting.update(answer.again)
        for tag in tags:
            del self.in_flight[tag]
            self.returned.discard(tag)


TestWindowMachine = WindowMachine.TestCase
TestWindowMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def opened() -> Window:
    window = Window()
    window.opened()
    return window


def test_a_return_vetoes_the_ack_of_that_message_alone() -> None:
    window = opened()
    window.published(1, Message("a/1/1-1", (1,)), 0.0)
    window.published(2, Message("a/1/2-3", (2, 3)), 0.0)
    window.returned("a/1/2-3")
    assert window.acked(2, True, 1.0) == Answer(confirmed=(1,), again=(2, 3), reason="unroutable")


def test_a_message_returned_once_can_be_confirmed_when_it_is_sent_again() -> None:
    window = opened()
    for tag in (1, 2):
        window.published(tag, Message("a/1/1-1", (1,)), 0.0)
        if tag == 1:
            window.returned("a/1/1-1")
            assert window.acked(tag, False, 0.0).again == (1,)
    assert window.acked(2, False, 0.0) == Answer(confirmed=(1,))


def test_a_new_channel_does_not_hear_answers_for_the_old_one() -> None:
    window = opened()
    window.published(1, Message("a/1/1-1", (1,)), 0.0)
    assert window.closed() == (1,)
    window.opened()
    assert window.acked(1, False, 1.0) == Answer()


def test_a_return_is_forgotten_with_its_channel() -> None:
    window = opened()
    window.published(1, Message("a/1/1-1", (1,)), 0.0)
    window.returned("a/1/1-1")
    window.closed()
    window.opened()
    window.published(1, Message("a/1/1-1", (1,)), 1.0)
    assert window.acked(1, False, 2.0) == Answer(confirmed=(1,))


def test_the_time_blocked_does_not_count_as_silence() -> None:
    window = opened()
    window.published(1, Message("a/1/1-1", (1,)), 0.0)
    window.blocked()
    assert not window.stalled(500.0)
    window.unblocked(500.0)
    assert not window.stalled(559.9)
    assert window.stalled(560.0)
