"""A small fleet whose records go through the processor in earnest, so that a replay of them can be compared with it."""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from processor.anomalies import DAY_MS, HOUR_MS, moments
from processor.keeper import Bearings, Keeper
from processor.past import past_in
from processor.periodic_rules import PeriodicRules
from processor.replay import Answer, Request, replay
from processor.rule_files import read_file
from processor.rule_set import RuleSet
from rabbitmq.records import CheckResult, Goodbye, Hello, Record, Snapshot
from store import fence, ingest
from store.engine import open_engine, reading, transaction
from store.model import HUB, Agent, Batch, CheckKey, KeptSnapshot
from store.replays import agents_of, incidents_between
from store.rule_files import keep_rule_files
from tests.unit.processor.deliveries import TOKEN, canary, delivery

SINCE_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS + 50 * 60_000  # an hour begins meanwhile
TICK_MS = 5_000
GROUPS = "web", "web", "db"
Outline = tuple[str, str, str, int, int | None]
"""Of an incident: agent, rule, subject, when it was opened and closed."""

DISK = """
- id: disk
  metric: disk.usage_percent
  warning: {above: 85, clear_below: 82}
  critical: {above: 95, clear_below: 92}
  hold_seconds: 10
  clear_hold_seconds: 10
  title: "disk"
  sentence: "disk {mount} is {value:g} % full"
  examples: [{name: full, values: [90, 90, 90, 90], ends: warning}, {name: empty, values: [1], ends: ok}]
"""
RULES: Mapping[str, str] = {
    "threshold": DISK,
    "rate": """
- id: errors
  kind: rate
  metric: net.errors
  window_seconds: 30
  groups: [web]
  warning: {above: 1, clear_below: 0.5}
  title: "errors"
  sentence: "{value:g} errors per second"
  examples:
    - {name: many, values: [0, 0, 0, 0, 0, 50, 100, 150, 200, 250], ends: warning}
    - {name: none, values: [0, 0, 0, 0, 0, 0, 0], ends: ok}
""",
    "absence": """
- id: backup
  kind: absence
  metric: backup.age_seconds
  warning: {above: 20, clear_below: 1}
  title: "backup"
  sentence: "for {value:g} s"
  examples:
    - {name: gone, values: [1, null, null, null, null, null, null], ends: warning}
    - {name: there, values: [1, 1], ends: ok}
""",
    "forecast": """
- id: disk-soon
  kind: forecast
  metric: disk.usage_percent
  full_at: 100
  window_seconds: 600
  warning: {below: 1, clear_above: 1.5}
  critical: {below: 0.1, clear_above: 0.2}
  hold_seconds: 60
  title: "disk {mount} fills up"
  sentence: "disk {mount} {outlook}"
  examples:
    - {name: fills, path: [[0, 40], [0.3, 70]], ends: warning}
    - {name: still, path: [[0, 40], [0.3, 40]], ends: ok}
""",
    "anomaly": """
- id: load-odd
  kind: anomaly
  metric: load.5m_per_core
  days: 8
  minimum_spread: 0.1
  warning: {above: 6, clear_below: 4}
  title: "load"
  sentence: "the load per core {comparison}"
  examples:
    - {name: odd, ends: warning, newest: [9, 9, 9], earlier: [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]}
    - {name: even, ends: ok, newest: [1, 1, 1], earlier: [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]}
""",
    "fleet": DISK
    + """
- id: disks
  kind: fleet
  of: disk
  groups: [web]
  minimum_agents: 2
  warning: {above: 30, clear_below: 20}
  title: "many disks"
  sentence: "{count} of {of_count} hosts of {whom}: {worst}"
  examples:
    - {name: half, interval_seconds: 15, values: [50], ends: warning}
    - {name: none, interval_seconds: 15, values: [0], ends: ok}
""",
    "checks of a fleet": """
- id: shops
  kind: fleet
  of: check
  minimum_agents: 2
  warning: {above: 30, clear_below: 20}
  title: "shops"
  sentence: "{count} of {of_count} hosts of {whom}: {worst}"
  examples:
    - {name: half, interval_seconds: 15, values: [50], ends: warning}
    - {name: none, interval_seconds: 15, values: [0], ends: ok}
""",
}


@dataclass
class _Host:
    """One that is well for a while, in trouble for a while, or away."""

    agent_id: str
    rng: random.Random
    group: str
    phase_ms: int
    pace: float  # of its disk in trouble, per cent each 5 s
    shortest: int  # of what it is in, times 5 s; three times as much at most
    seq: int = 0
    left: int = 0
    mode: str = "well"
    disk: float = 60.0
    errors: float = 0.0

    def records(self, at_ms: int) -> Iterator[Record]:
        if self.seq == 0:
            yield self._hello(at_ms)
        if self.left == 0:
            before, self.mode = self.mode, self.rng.choice(["well", "trouble", "trouble", "silent", "gone"])
            self.left = self.rng.randrange(self.shortest, 3 * self.shortest)
            if self.mode == "gone" and before != "gone":
                yield Goodbye(reason="stopped", **self._common(at_ms))
            elif before == "gone" and self.mode in ("well", "trouble") and self.rng.random() < 0.5:
                self.group = self.rng.choice(GROUPS)
                yield self._hello(at_ms)
        self.left -= 1
        if self.mode in ("well", "trouble"):
            yield self._snapshot(at_ms)

    def _hello(self, at_ms: int) -> Hello:
        return Hello(
            agent_version="1",
            host_name=f"host {self.agent_id}",
            scope="host",
            interval_seconds=5.0,
            group=self.group,
            checks=["shop"],
            **self._common(at_ms),
        )

    def _snapshot(self, at_ms: int) -> Snapshot:
        is_well, noise = self.mode == "well", self.rng.random()
        self.disk = 50 + 2 * noise if is_well else min(self.disk + self.pace, 99)
        self.errors += 0 if is_well else 10 * noise
        named = {
            'disk.usage_percent{mount="/"}': self.disk,
            "net.errors": self.errors,
            "load.5m_per_core": 0.5 + noise / 20 if is_well else 4.0,
            "other.readings": noise,
        }
        if is_well:
            named["backup.age_seconds"] = 1.0
        seen = CheckResult(
            name="shop",
            kind="http",
            state="ok" if is_well else "critical",
            output="told",
            wall_seconds=at_ms / 1000,
            duration_seconds=0.1,
        )
        return Snapshot(readings=named, interval_seconds=5.0, scope="host", checks=[seen], **self._common(at_ms))

    def _common(self, at_ms: int) -> dict[str, Any]:
        self.seq += 1
        own = {"agent_id": self.agent_id, "epoch": 1, "seq": self.seq, "boot_id": "boot", "boot_seconds": 1.0}
        return {"wall_seconds": at_ms / 1000, **own}


class World:
    """Hosts of one seed, and the processor that judges them by these rules, by turns from `SINCE_MS` on."""

    def __init__(
        self, engine: Engine, rules: str, seed: int, *, hosts: int = 3, pace: float = 0.8, shortest: int = 10
    ) -> None:
        self.engine, self.rules, self.now_ms = engine, rules, SINCE_MS
        rng = random.Random(seed)
        phases = rng.sample(range(1, TICK_MS), hosts)
        self._hosts = [
            _Host(f"a{place}", random.Random(rng.random()), rng.choice(GROUPS), phase, pace, shortest)
            for place, phase in enumerate(sorted(phases))
        ]
        self._rule_set = RuleSet([found.rule for found in read_file("mine.yaml", rules) if found.rule])
        with transaction(engine) as connection:
            keep_rule_files(connection, {"mine.yaml": rules}, SINCE_MS)
        self._keep_days_before()

    def live(self, ticks: int) -> None:
        """So many times 5 s: each host's records one by one, then the turn of what goes by the clock."""
        bearings = Bearings("here", TOKEN, lambda: self.now_ms, lambda: 0)
        keeper = Keeper(
            self.engine, self._rule_set, lambda *_: (), bearings=bearings, public_url="", send=lambda _: None
        )
        periodic, tag = PeriodicRules(past_in(self.engine), lambda: self._rule_set), 1
        keeper.keep([canary(0)])
        for tick in range(ticks):
            for host in self._hosts:
                self.now_ms = SINCE_MS + tick * TICK_MS + host.phase_ms
                messages = [delivery(record) for record in host.records(self.now_ms)]
                if messages:
                    keeper.keep([replace(one, tag=tag + place) for place, one in enumerate(messages, start=1)])
                tag += len(messages)
            self.now_ms = SINCE_MS + (tick + 1) * TICK_MS
            keeper.keep_timed(periodic.decide)

    def replayed(
        self,
        until_ms: int | None = None,
        content: str | None = None,
        clock: Callable[[], float] = lambda: 0.0,
        **fields: Any,
    ) -> Answer:
        request = Request(
            database_url="",
            file="mine.yaml",
            content=self.rules if content is None else content,
            since_ms=SINCE_MS,
            until_ms=self.now_ms + 1 if until_ms is None else until_ms,
            **fields,
        )
        with reading(self.engine) as connection:
            return replay(connection, request, clock)

    def copied(self, path: Path) -> "World":
        """With a store of its own."""
        shutil.copy(str(self.engine.url.database), path)
        other = copy(self)
        other.engine = open_engine(f"sqlite:///{path}")
        return other

    def real(self) -> Sequence[Outline]:
        """The incidents that the processor opened by these rules."""
        with reading(self.engine) as connection:
            agents = {HUB, *(agent.agent_id for agent in agents_of(connection, None))}
            found = incidents_between(connection, list(self._rule_set.by_id), agents, SINCE_MS, self.now_ms + 1)
        return sorted((*_place(one.key), one.opened_ms, one.closed_ms) for one in found)

    def _keep_days_before(self) -> None:
        """What the hosts reported before: at these hours of earlier days, and in the minutes just before."""
        keeping, hour_ms = fence.claim(self.engine, "before", SINCE_MS), SINCE_MS // HOUR_MS * HOUR_MS
        hours = [hour_ms - day * DAY_MS + hour * HOUR_MS for day in range(1, 9) for hour in (0, 1)]
        times = [at_ms + 1_000 for hour in hours for at_ms in moments(hour)]
        for host in self._hosts:
            days = [(at_ms, {"load.5m_per_core": 0.5}) for at_ms in times]
            disk = 'disk.usage_percent{mount="/"}'
            minutes = [(SINCE_MS - tick * TICK_MS, {disk: 60 - tick * host.pace}) for tick in range(120, 0, -1)]
            taken = [
                KeptSnapshot(agent_id=host.agent_id, epoch=0, seq=seq, wall_ms=at, received_ms=at, readings=named)
                for seq, (at, named) in enumerate([*days, *minutes])
            ]
            known = Agent(agent_id=host.agent_id, first_seen_ms=0, last_seen_ms=0, group_name=host.group)
            ingest.keep_batch(self.engine, Batch(agents=[known], snapshots=taken), keeping)


def told(answer: Answer) -> Sequence[Outline]:
    """The incidents of the edited rules in an answer."""
    return sorted(
        (one.agent_id, rule.rule, one.subject, one.opened_ms, one.closed_ms)
        for rule in answer.rules
        for one in rule.edited
    )


def _place(key: CheckKey) -> tuple[str, str, str]:
    return key.agent_id, key.rule, key.subject
