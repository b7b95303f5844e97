"""From a crossing on the host to the alert at a sink: healthmon beside Prometheus and Alertmanager, in one run.

Numbers in a file cross a limit, each once, at moments unrelated to anybody's period. healthmon reads it by a user's own
collector file each 5 s and tells it by a route as it is without settings; node_exporter reads it by its textfile
collector, scraped each 5 s, with rules evaluated each 5 s, `for` 0 and no group wait. Both send a web hook to the same
sink; the time counted is from the write to the first request. The next crossing comes when the window of the last
recovery has ended: what waits in a window is not what is measured.
"""

import json
import random
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.stage import Stage
from configuration.notifications import Route
from deploy.local.broker import free_ports

INTERVAL_SECONDS = 5
LONGEST_MEDIAN_SECONDS = INTERVAL_SECONDS + 0.5
WINDOW_SECONDS = Route(channels=["sink"]).grouping_seconds
WITHIN_SECONDS = 40.0
PEER_PROGRAMS = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
OURS, THEIRS = "healthmon", "prometheus"

RULE = """
- id: bench-crossing
  metric: custom.bench_level
  critical: {above: 0.5, clear_below: 0.5}
  hold_seconds: 0
  clear_hold_seconds: 0
  title: "the bench's number crossed"
  sentence: "the bench's number is {value:g}"
  examples:
    - {name: high, values: [0, 1], ends: critical}
    - {name: low, values: [1, 0], ends: ok}
"""

COLLECTOR = """from pathlib import Path

def collect():
    lines = Path({file!r}).read_text().splitlines()
    return {{f"custom.{{name}}": float(level) for name, level in map(str.split, lines)}}
"""


def measure(stage: Stage, crossings: int) -> list[str]:
    """Lines to print: the medians side by side, and whether ours is what it is to be; about 30 s a crossing."""
    missing = [program for program in PEER_PROGRAMS if shutil.which(program) is None]
    with _sink() as sink:
        level = _Level(stage.folder, crossings)
        _start_ours(stage, level, sink.port)
        if not missing:
            _start_theirs(stage, level, sink.port)
        watched = [OURS] if missing else [OURS, THEIRS]
        delays: dict[str, list[float]] = {name: [] for name in watched}
        for number in range(crossings):
            pause_seconds = WINDOW_SECONDS + random.uniform(1, 1 + INTERVAL_SECONDS)  # noqa: S311 no phase is favoured
            time.sleep(pause_seconds)
            level.cross(number)
            for name, seconds in sink.time_problem(watched).items():
                delays[name].append(seconds)
            level.calm()
            sink.wait_for_calm(watched)
    stage.stop_all()
    lines = [*(_line(name, seconds) for name, seconds in delays.items()), verdict(delays[OURS])]
    if missing:
        return [*lines, f"  NOTHING BESIDE IT: not installed: {', '.join(missing)}"]
    ratio = statistics.median(delays[OURS]) / statistics.median(delays[THEIRS])
    return [*lines, f"  healthmon's median is {ratio:.2f} of Prometheus' with Alertmanager"]


def verdict(seconds: list[float]) -> str:
    is_met = statistics.median(seconds) < LONGEST_MEDIAN_SECONDS
    word, relation = ("MET", "below") if is_met else ("MISSED", "not below")
    return f"  {word}: healthmon's median is {relation} the interval + 0.5 s = {LONGEST_MEDIAN_SECONDS:g} s"


def _line(name: str, seconds: list[float]) -> str:
    shown = f"median {statistics.median(seconds):4.1f} s, {min(seconds):.1f} to {max(seconds):.1f} s"
    return f"  {name:<12} crossing to web hook: {shown} ({len(seconds)} crossings)"


class _Level:
    """The numbers that both watch: as a text file for node_exporter, and for the user's collector file."""

    def __init__(self, folder: Path, count: int) -> None:
        self.textfiles = folder / "textfiles"
        self.collectors = folder / "collectors"
        for each in (self.textfiles, self.collectors):
            each.mkdir(mode=0o755)
        self._count = count
        self._file = self.textfiles / "bench.prom"
        self.calm()
        collector = self.collectors / "bench.py"
        collector.write_text(COLLECTOR.format(file=str(self._file)))
        collector.chmod(0o644)

    def calm(self) -> None:
        self.cross(-1)

    def cross(self, crossed: int) -> None:
        """This one is high, all others are low."""
        new = self._file.with_suffix(".new")
        new.write_text("".join(f'bench_level{{n="{n}"}} {int(n == crossed)}\n' for n in range(self._count)))
        new.chmod(0o644)
        new.rename(self._file)


class _Sink:
    """Counts what arrives: by sender, whether the last word was a problem."""

    def __init__(self) -> None:
        self.port = 0
        self._changed = threading.Condition()
        self._firing: dict[str, bool] = {}

    def take(self, path: str, body: bytes) -> None:
        told = json.loads(body)
        name = path.strip("/")
        firing = told["status"] == "firing" if name == THEIRS else told["notices"][-1]["kind"] != "recovery"
        with self._changed:
            self._firing[name] = firing
            self._changed.notify_all()

    def time_problem(self, watched: list[str]) -> dict[str, float]:
        """Seconds until each told of a problem."""
        seconds: dict[str, float] = {}
        begun = time.monotonic()
        with self._changed:
            while len(seconds) < len(watched):
                if not self._changed.wait(WITHIN_SECONDS - (time.monotonic() - begun)):
                    raise TimeoutError(f"within {WITHIN_SECONDS:g} s only {sorted(seconds)} of {watched} told of it")
                for name in watched:
                    if self._firing.get(name) and name not in seconds:
                        seconds[name] = time.monotonic() - begun
        return seconds

    def wait_for_calm(self, watched: list[str]) -> None:
        with self._changed:
            calm = self._changed.wait_for(lambda: not any(map(self._firing.get, watched)), WITHIN_SECONDS)
        if not calm:
            raise TimeoutError(f"the recovery of {watched} was not told")


@contextmanager
def _sink() -> Iterator[_Sink]:
    sink = _Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            sink.take(self.path, body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield sink
        server.shutdown()


def _start_ours(stage: Stage, level: _Level, sink_port: int) -> None:
    rules = stage.folder / "rules"
    rules.mkdir()
    (rules / "bench.yaml").write_text(RULE)
    notifications = stage.folder / "notifications.toml"
    notifications.write_text(
        f"""
[channels.sink]
kind = "webhook"
url = "http://127.0.0.1:{sink_port}/{OURS}"
secret = "bench"

[[routes]]
channels = ["sink"]
rules = ["bench-crossing"]
"""
    )
    notifications.chmod(0o600)
    stage.run("processor", "migrate")
    stage.start("processor", HEALTHMON_RULES_DIR=str(rules), HEALTHMON_NOTIFICATIONS_FILE=str(notifications))
    stage.start("agent", "run", HEALTHMON_COLLECTORS_DIR=str(level.collectors))


def _start_theirs(stage: Stage, level: _Level, sink_port: int) -> None:
    exporter, prometheus, alertmanager = free_ports(3)
    _write_peer_files(stage.folder, exporter, alertmanager, sink_port)
    stage.start_program(
        [
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={level.textfiles}",
            f"--web.listen-address=127.0.0.1:{exporter}",
        ]
    )
    stage.start_program(
        [
            "prometheus-alertmanager",
            f"--config.file={stage.folder / 'alertmanager.yml'}",
            f"--storage.path={stage.folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        ]
    )
    stage.start_program(
        [
            "prometheus",
            f"--config.file={stage.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={stage.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ]
    )


def _write_peer_files(folder: Path, exporter: int, alertmanager: int, sink_port: int) -> None:
    (folder / "crossing.rules.yml").write_text(
        """
groups:
  - name: bench
    rules:
      - {alert: Crossing, expr: bench_level > 0.5, for: 0s}
"""
    )
    (folder / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: {INTERVAL_SECONDS}s, evaluation_interval: {INTERVAL_SECONDS}s}}
rule_files: [{folder / "crossing.rules.yml"}]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]
scrape_configs:
  - {{job_name: node, static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]}}
"""
    )
    (folder / "alertmanager.yml").write_text(
        f"""
route: {{receiver: sink, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - {{name: sink, webhook_configs: [{{url: "http://127.0.0.1:{sink_port}/{THEIRS}", send_resolved: true}}]}}
"""
    )
