"""Who was told what: the incidents and the outbox as the database has them, and what the sinks heard."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from faults.flights import Flight
from faults.sink import Heard, Mode, Sink
from processor.findings import SILENCE_RULES
from store.engine import reading
from store.notices import notice_of
from store.response import Notice
from store.response_tables import notice
from store.tables import agent, incident, incident_event

FENCED = "FAULTS_FENCED"  # names the file in which processors note the claims they write with


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An incident from its opening to its end, by the processor's clock."""

    number: int
    agent_id: str
    rule: str
    is_late: bool
    from_ms: int
    to_ms: int | None

    @property
    def is_of_silence(self) -> bool:
        return self.rule in SILENCE_RULES


@dataclass(kw_only=True)
class Told:
    """`modes` are those that each sink was in, `buried` the agents that are dead in the end, `deaths_ms` when
    processors were killed, `flights` what they sent when, `fenced` the claim and the process of each transaction that
    checked the fence, both in their order."""

    lives: Sequence[Life] = ()
    notices: Sequence[Notice] = ()
    heard: Sequence[Heard] = ()
    modes: Mapping[str, Collection[Mode]] = field(default_factory=dict)
    unreachable: Collection[str] = ()
    buried: Collection[str] = ()
    deaths_ms: Sequence[int] = ()
    flights: Sequence[Flight] = ()
    fenced: Sequence[tuple[int, int]] = ()

    def taken(self, channel: str) -> list[Heard]:
        return [item for item in self.heard if item.channel == channel and item.is_taken]

    def of(self, channel: str) -> list[Notice]:
        return [item for item in self.notices if item.channel == channel]

    def is_steady(self, channel: str) -> bool:
        """Whether nothing ever kept this channel from being told at once."""
        return set(self.modes[channel]) == {Mode.OK} and not self.deaths_ms


def read_told(
    engine: Engine,
    sinks: Collection[Sink],
    deaths_ms: Sequence[int] = (),
    flights: Sequence[Flight] = (),
    fenced: Sequence[tuple[int, int]] = (),
) -> Told:
    """Everything; raises StoreUnavailable."""
    with reading(engine) as connection:
        lives = _lives(connection)
        notices = [notice_of(row) for row in connection.execute(select(notice).order_by(notice.c.notice_no)).mappings()]
    return Told(
        lives=lives,
        notices=notices,
        heard=sorted((item for sink in sinks for item in sink.heard()), key=lambda item: item.at_ms),
        modes={sink.channel: frozenset(sink.modes) for sink in sinks},
        unreachable={sink.channel for sink in sinks if sink.mode is not Mode.OK},
        deaths_ms=deaths_ms,
        flights=flights,
        fenced=fenced,
    )


def read_fenced(journal: Path) -> list[tuple[int, int]]:
    """Claims and processes as they were noted, without a line still being written."""
    if not journal.exists():
        return []
    whole, _, _ = journal.read_text().rpartition("\n")
    return [(int(claim), int(process_id)) for claim, process_id in map(str.split, whole.splitlines())]


def _lives(connection: Connection) -> list[Life]:
    received: dict[tuple[int, str], int] = {}
    event = incident_event.c
    for row in connection.execute(select(event.number, event.change, event.received_ms).order_by(event.event_no)):
        received.setdefault((row.number, row.change), row.received_ms)
    return [
        Life(
            number=row.number,
            agent_id=row.agent_id,
            rule=row.rule,
            is_late=row.is_late,
            from_ms=received.get((row.number, "opened"), row.opened_ms),
            to_ms=None if row.closed_ms is None else received.get((row.number, "closed"), row.closed_ms),
        )
        for row in connection.execute(select(incident, agent.c.agent_id).join_from(incident, agent))
    ]
