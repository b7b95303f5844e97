"""One run: the programs of one healthmon, what is asked of them, and the verdict in its end."""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pika
from pika.exceptions import AMQPError
from sqlalchemy import Engine

from agent.status import Status, read_statuses
from faults.boundary import VARIABLE, Boundary
from faults.broker import Broker
from faults.checker import Excuse, Measured, Verdict, judge
from faults.databases import Postgres
from faults.ending import take_down
from faults.evidence import read_accounted, read_evidence, read_stored
from faults.fates import ended_unasked, stopped_in_order
from faults.flights import FLIGHTS, read_flights
from faults.namespace import Namespace
from faults.notices import endless_troubles, told_as_it_should_be, told_in_the_end
from faults.program import ROOT, Program
from faults.proxy import FaultProxy
from faults.sink import SECRET, Sink
from faults.sizes import larger
from faults.switches import LastingTrouble
from faults.told import FENCED, Told, read_fenced, read_told
from faults.witness import Key, Reader, Witnessed
from rabbitmq.connection import connection_parameters, message_properties
from rabbitmq.message import Envelope
from rabbitmq.topology import EXCHANGE, QUEUE
from store.engine import StoreUnavailable, open_engine
from tests.waiting import wait_for

DRAIN_SECONDS = 180.0
ROUNDS = 3
FLUSH_SECONDS = 5.0
TOLD_SECONDS = 60.0
RESTART_SECONDS = 20.0
QUEUE_SECONDS = 10.0


class Violations(Exception):
    """The checker is red; the message lists all it found."""


class Run:
    """Made by `Rig.running`. `agents_road`, `processor_road` and `database_road` are the proxies to break."""

    def __init__(
        self,
        *,
        folder: Path,
        journals: Path,
        broker: Broker,
        namespace: Namespace | None,
        modules: tuple[str, str],
        settings: Mapping[str, str],
        agent_settings: Mapping[str, str],
        state_folder: Path | None,
        database_folder: Path | None,
        excuse: Excuse,
        channels: Mapping[str, str],
        is_about_incidents: bool,
    ) -> None:
        self.folder, self.broker, self.namespace = folder, broker, namespace
        self.verdicts: list[Verdict] = []
        self.postgres: Postgres | None = None
        self.agents: list[Program] = []
        self.processors: list[Program] = []
        self._journals = journals / folder.name
        self._journals.mkdir()
        self._fenced, self._flights = self._journals / "claims", self._journals / "flights"
        self._modules, self._settings, self._agent_settings = modules, dict(settings), dict(agent_settings)
        self._state_folder, self._excuse = state_folder or folder, excuse
        self._is_about_incidents = is_about_incidents
        self._lasting = LastingTrouble(folder) if is_about_incidents and not agent_settings else None
        self._others: list[Program] = []
        self._database_folder = database_folder or folder
        self._reader = Reader(self._journals)
        self._largest = Measured()
        self._longest_drain_seconds = 0.0
        self._closers: list[Callable[[], None]] = []
        self._dead: frozenset[str] = frozenset()
        self.sinks = {name: self._sink(name, scheme) for name, scheme in channels.items()}

    def start(self, agents: int, processors: int, postgres: Postgres | None) -> None:
        if postgres is not None:
            self.postgres = postgres
            self._closers.append(postgres.kill)
        self.broker.new_virtual_host()
        self.agents_road = self._road_to(self.broker.port)
        self.processor_road = self._road_to(self.broker.port)
        straight_url = self._open_store()
        self.engine: Engine = open_engine(straight_url)
        self._closers.append(self.engine.dispose)
        self._migrate()
        self.processors = [self._processor(number) for number in range(processors)]
        self.agents = [self._agent(number) for number in range(agents)]
        for program in (*self.processors, *self.agents):
            program.start()

    def _sink(self, name: str, scheme: str) -> Sink:
        sink = Sink(name, self._journals / f"{name}.sink", scheme)
        self._closers.append(sink.close)
        return sink

    # --- what rows ask ---

    def seen(self) -> Witnessed:
        """All that the witness has so far."""
        self._measure()
        return self._reader.look()

    def accounted(self) -> set[Key]:
        """What is stored, in quarantine or named as lost; empty while the database does not answer."""
        try:
            return read_accounted(self.engine)
        except StoreUnavailable:
            return set()

    def stored(self) -> set[Key]:
        """What is stored alone; empty while the database does not answer."""
        try:
            return read_stored(self.engine)
        except StoreUnavailable:
            return set()

    def flow(self, records: int = 3) -> None:
        """Return when of each agent so many records are stored that it offered from now on: everything works."""
        before = set(self.seen().offered)

        def all_have() -> bool:
            new = Counter(key.agent_id for key in (self.seen().offered - before) & self.stored())
            return len(new) >= len(self.agents) and min(new.values()) >= records

        wait_for(all_have, f"{records} new records of each of {len(self.agents)} agents", within_seconds=DRAIN_SECONDS)

    def drain(self) -> float:
        """Return when all that was offered by now, as a fault ends, is accounted for; returns the seconds it took."""
        offered = self._offered()
        seconds = self.until(lambda: offered <= self.accounted(), f"{len(offered)} records to be accounted for")
        self._longest_drain_seconds = max(self._longest_drain_seconds, seconds)
        return seconds

    def offer(self, records: int) -> None:
        """Return when the agents have offered so many more records together, wherever those go."""
        goal = len(self.seen().offered) + records
        wait_for(
            lambda: len(self.seen().offered) >= goal, f"{records} more records offered", within_seconds=DRAIN_SECONDS
        )

    def until(self, condition: Callable[[], object], what: str, within_seconds: float = DRAIN_SECONDS) -> float:
        """Wait for it; returns the seconds it took."""
        began = time.monotonic()
        wait_for(condition, what, within_seconds=within_seconds)
        return time.monotonic() - began

    def die_at_each(self, program: Program, boundaries: Iterable[Boundary]) -> None:
        """Start the program as often as there are boundaries; each time it must kill itself there."""
        for boundary in boundaries:
            program.start(**{VARIABLE: str(boundary)})
            self.until(lambda: not program.is_alive, f"it dies {boundary}", within_seconds=60)
            assert program.was_killed, f"{boundary}: it ended with {program.exit_code} instead"

    def told(self) -> Told:
        """Whom the processors told so far, and what the sinks heard. Raises StoreUnavailable."""
        deaths_ms = [death_ms for program in self.processors for death_ms in program.deaths_ms]
        killed = {process_id for program in self.processors for process_id in program.killed_ids}
        flights, fenced = read_flights(self._flights, killed), read_fenced(self._fenced)
        told = read_told(self.engine, self.sinks.values(), deaths_ms, flights, fenced)
        told.buried = self._dead
        return told

    def bury(self, agents: Iterable[str]) -> None:
        """They were killed with all that they kept in memory, and so long ago that each must be called silent."""
        self._dead = frozenset(agents)

    def statuses(self) -> list[Status]:
        """What each agent's own status file says."""
        return [status for number in range(len(self.agents)) for status in read_statuses(self._state(number))]

    def hub_states(self) -> set[str]:
        return {status.hub_state for status in self.statuses()}

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        """As somebody with every right would; confirmed when this returns."""
        parameters = connection_parameters(self.broker.administrator, connection_name="faults")
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for envelope in envelopes:
                properties = message_properties(envelope)
                channel.basic_publish(EXCHANGE, envelope.routing_key, envelope.body, properties)

    def waiting_messages(self) -> int | None:
        """Ready in the queue; None when the broker or the queue is not there."""
        try:
            parameters = connection_parameters(self.broker.administrator, connection_name="faults")
            with pika.BlockingConnection(parameters) as connection:
                declared = connection.channel().queue_declare(QUEUE, passive=True)
                return int(declared.method.message_count)
        except (AMQPError, OSError):
            return None

    # --- the end ---

    def settle(self, within_seconds: float = DRAIN_SECONDS, told_within_seconds: float = TOLD_SECONDS) -> Verdict:
        """After the fault was healed: drain, stop everything in good order, judge. Raises Violations."""
        verdict = self.verdict(within_seconds, told_within_seconds)
        if verdict.violations:
            raise Violations("\n".join(verdict.violations))
        return verdict

    def verdict(self, within_seconds: float = DRAIN_SECONDS, told_within_seconds: float = TOLD_SECONDS) -> Verdict:
        """As `settle`, for a control that expects violations."""
        offered = set(self._offered())
        drain_seconds = max(self._longest_drain_seconds, self._wait_for_accounting(offered, within_seconds))
        has_drained = offered <= self.accounted()
        self._end_lasting_trouble()
        violations = ended_unasked((*self.agents, *self.processors), self._others)
        violations += self._stop_agents(rounds=ROUNDS if has_drained else 0)
        self._await_empty_queue()
        self._await_told(told_within_seconds)
        violations += stopped_in_order(self.processors)
        verdict = judge(
            self.seen(),
            read_evidence(self.engine),
            self._largest,
            drain_seconds,
            self._excuse,
            restarts_ms=self._restarts_ms(),
            dead=self._dead,
            is_about_incidents=self._is_about_incidents,
        )
        if not has_drained:
            violations.append(f"C8: not all was accounted for within {within_seconds:g} s")
        told = self.told()
        verdict.violations += violations + told_as_it_should_be(told) + told_in_the_end(told)
        self.verdicts.append(verdict)
        return verdict

    def end(self) -> None:
        """Nothing of this run lives on. Raises ExceptionGroup."""
        take_down([*(program.kill for program in (*self.agents, *self.processors)), *reversed(self._closers)])
        self._closers.clear()

    def keep_journals(self) -> None:
        shutil.copytree(self._journals, self.folder / "journals", dirs_exist_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._journals, ignore_errors=True)

    def _road_to(self, port: int) -> FaultProxy:
        road = FaultProxy("127.0.0.1", port)
        self._closers.append(road.close)
        return road

    def _open_store(self) -> str:
        """The address for ourselves; the programs' own goes through a proxy where the store is a server."""
        if self.postgres is None:
            self.database_url = f"sqlite:///{self._database_folder / 'store.db'}"
            return self.database_url
        self.database_road = self._road_to(self.postgres.port)
        self.database_url = self.postgres.url(self.database_road.port)
        return self.postgres.url()

    def _restarts_ms(self) -> list[int]:
        """When processors died, were started (but for their first start), or stood still no more."""
        return [
            at_ms
            for program in self.processors
            for at_ms in (*program.started_ms[1:], *program.deaths_ms, *program.thawed_ms)
        ]

    def _end_lasting_trouble(self) -> None:
        """So that an incident that began before the fault ends after it; the checker tells if it does not."""
        if self._lasting is not None:
            self._lasting.end()
            self._wait_until(lambda: LastingTrouble.is_over(self.told()), FLUSH_SECONDS)

    def _stop_agents(self, rounds: int) -> list[str]:
        """One that was stopped with records at hand, as its last ones may be, is started again to send them. Returns
        who did not stop in order."""
        wrong = stopped_in_order(self.agents)
        for _ in range(rounds):
            self._wait_for_accounting(self._offered(), FLUSH_SECONDS)
            if self._offered() <= self.accounted():
                break
            for program in self.agents:
                program.start()
            self._wait_for_accounting(set(self._offered()), RESTART_SECONDS)
            wrong += stopped_in_order(self.agents)
        return wrong

    def _offered(self) -> set[Key]:
        """What must be accounted for."""
        return self.seen().without_tails_of(self._dead).offered

    def _wait_for_accounting(self, keys: set[Key], within_seconds: float) -> float:
        """Returns the seconds it took, or the limit; the checker tells what is missing."""
        return self._wait_until(lambda: keys <= self.accounted(), within_seconds)

    def _await_told(self, within_seconds: float) -> None:
        """Notices take their time, and so does the end of what was told of the way; the checker tells what is missing
        in the end."""

        def is_all() -> bool:
            told = self.told()
            return not endless_troubles(told) and not (self.sinks and told_in_the_end(told))

        self._wait_until(is_all, within_seconds)

    def _await_empty_queue(self) -> None:
        self._wait_until(lambda: not self.waiting_messages(), QUEUE_SECONDS)

    def _wait_until(self, condition: Callable[[], bool], within_seconds: float) -> float:
        """Measure meanwhile; returns the seconds it took, or the limit."""
        began = time.monotonic()
        while not condition() and time.monotonic() - began < within_seconds:
            self._measure()
            time.sleep(0.2)
        return time.monotonic() - began

    def _measure(self) -> None:
        states = [self._state(number) for number in range(len(self.agents))]
        self._largest = larger(self._largest, states, self.agents, self.processors)

    def _migrate(self) -> None:
        environment = {"HEALTHMON_DATABASE_URL": self.database_url, "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "processor", "migrate"]
        subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)

    def _state(self, number: int) -> Path:
        return self._state_folder / f"agent-{number}"

    def program(self, name: str, *module_and_arguments: str) -> Program:
        """Another witnessed program that talks straight to the broker; ended with the run."""
        environment = self._as_agent(name) | {"HEALTHMON_RABBITMQ_PORT": str(self.broker.port)}
        program = Program(name, module_and_arguments, environment, self.folder)
        self._others.append(program)
        self._closers.append(program.kill)
        return program

    def _agent(self, number: int) -> Program:
        name = f"agent-{number}"
        environment = self._as_agent(name) | {
            "HEALTHMON_STATE_DIR": str(self._state(number)),
            "HEALTHMON_INTERVAL_SECONDS": "1",
            "HEALTHMON_NAME": f"host-{number}",
            **self._settings,
            **self._agent_settings,
            **(self._lasting.settings if self._lasting else {}),
        }
        inside = self.namespace.inside if self.namespace else ()
        return Program(name, [self._modules[0]], environment, self.folder, inside)

    def _as_agent(self, name: str) -> dict[str, str]:
        """Through the proxy; from a namespace straight, for there the kernel's own doings matter."""
        straight = (self.namespace.host_address, self.broker.port) if self.namespace else None
        host, port = straight or ("127.0.0.1", self.agents_road.port)
        return {
            "HEALTHMON_RABBITMQ_HOST": host,
            "HEALTHMON_RABBITMQ_PORT": str(port),
            "HEALTHMON_RABBITMQ_VIRTUAL_HOST": self.broker.virtual_host,
            "FAULTS_JOURNAL": str(self._journals / f"{name}.journal"),
        }

    def _processor(self, number: int) -> Program:
        environment = {
            "HEALTHMON_RABBITMQ_PORT": str(self.processor_road.port),
            "HEALTHMON_RABBITMQ_VIRTUAL_HOST": self.broker.virtual_host,
            "HEALTHMON_DATABASE_URL": self.database_url,
            FENCED: str(self._fenced),
            FLIGHTS: str(self._flights),
            **self._notifications(),
            **self._settings,
        }
        return Program(f"processor-{number}", [self._modules[1]], environment, self.folder)

    def _notifications(self) -> dict[str, str]:
        """Every sink is told everything; without one the processor's own log is."""
        if not self.sinks:
            return {}
        file = self.folder / "notifications.toml"
        tables = [
            f'[channels.{name}]\nkind = "webhook"\nurl = "{sink.url}"\nsecret = "{SECRET}"\n'
            for name, sink in self.sinks.items()
        ]
        file.write_text(
            "\n".join([*tables, f"[[routes]]\nchannels = {json.dumps(list(self.sinks))}\ngrouping_seconds = 1\n"])
        )
        return {"HEALTHMON_NOTIFICATIONS_FILE": str(file)}
