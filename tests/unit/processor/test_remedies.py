"""Every incident that can be opened carries a first step, found in the catalogue that ships."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent.checks.kinds import KINDS
from health.state import State
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from processor import findings
from processor.findings import AGENT_SILENT, GROUP_SILENT, PIPELINE, SILENCE_RULES, Finding
from processor.memory import FleetMemory
from processor.pipeline import handle_batch
from processor.remedies import Remedies
from processor.rule import Rule
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from processor.rule_watch import tell
from processor.silence.road import Cause
from processor.silence.sentences import Clocks
from processor.silence.steps import Steps
from processor.silence.verdict import ALERTING
from rabbitmq.records import Snapshot
from store.model import HUB, Agent, Change, CheckKey, FleetState, IncidentChange, Remedy, Step
from tests.unit.processor.deliveries import TOKEN, delivery, empty_memory, readings, wall_ms
from tests.unit.processor.rules_of_tests import rule
from tests.unit.processor.test_check_results import seen, with_checks

FIND = Remedies(Matcher(load_catalogue().problems))
SHIPPED = load_rules()
METRICS = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
BAD = (State.WARNING, State.CRITICAL, State.UNKNOWN)
GENERAL = {"check-failed", "rule-fired"}
CAUSES = [
    *((AGENT_SILENT, str(verdict)) for verdict in sorted(ALERTING)),
    *((PIPELINE, str(cause)) for cause in Cause),
    *((GROUP_SILENT, cause) for cause in ("uplink", "shared")),
]
KINDS_OF_FINDINGS = [kind for kind in vars(findings).values() if isinstance(kind, findings.Kind)]


def opened(*snapshots: Snapshot, rules: RuleSet | None = None) -> Sequence[IncidentChange]:
    deliveries = [delivery(snapshot) for snapshot in snapshots]
    batch = handle_batch(
        deliveries, empty_memory(), rules or RuleSet([]), FIND, wall_ms(1), monotonic_ms=0, canary_token=TOKEN
    ).batch
    return [change for change in batch.incidents if change.change is Change.OPENED]


def first(remedies: Sequence[Remedy]) -> str:
    """The slug of the first one, which has a first step."""
    assert remedies
    assert remedies[0].steps[0].text
    return remedies[0].slug


def labels_of(shipped: Rule) -> Mapping[str, str]:
    """What a reading of the rule's metric is labelled with, as the documentation of metrics says."""
    [labels] = re.findall(rf"^\| `{re.escape(shipped.metric)}(?:{{(.*)}})?` \|", METRICS, re.MULTILINE) or [""]
    return dict.fromkeys(re.findall(r"(\w+)=", labels), "/srv")


@pytest.mark.parametrize("state", [State.WARNING, State.CRITICAL])
@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.rule_id)
def test_each_rule_that_ships_has_a_remedy_of_its_own(shipped: Rule, state: State) -> None:
    assert first(FIND(shipped.rule_id, state, labels_of(shipped))) not in GENERAL


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.rule_id)
def test_of_a_rule_that_cannot_be_judged_the_rule_is_the_trouble(shipped: Rule) -> None:
    [found] = FIND(shipped.rule_id, State.UNKNOWN, labels_of(shipped))
    assert (found.slug, found.reason) == ("rule-fails", f"the rule {shipped.rule_id} cannot be judged")
    assert shipped.rule_id in (found.steps[0].command or "")


@pytest.mark.parametrize("state", BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_check_has_a_remedy_of_its_own(kind: str, state: State) -> None:
    [change] = opened(with_checks(1, seen(str(state), 1, kind=kind, output="")))
    assert change.severity is state
    assert first(change.remedies) not in GENERAL
    assert change.remedies[-1].slug == "check-failed"


def test_a_kind_of_check_that_a_newer_agent_brings_has_the_general_one() -> None:
    [change] = opened(with_checks(1, seen("critical", 1, kind="tomorrow's")))
    assert first(change.remedies) == "check-failed"


SAID = [
    ("tcp", "db port 5432: connection refused", "connection-refused", "ss -ltnp"),
    ("tcp", "db port 5432 answers without 'PONG': 'no'", "check-tcp-failed", "nc -vz -w 5 -- db 5432"),
    ("tcp", "db: the name has no address: name or service not known", "dns-resolution-failure", "getent hosts -- db"),
    (
        "http",
        "https://shop.example.org/ready answers 503, expected is 200; its certificate expires in 9.0 days",
        "check-http-failed",
        "curl -sv --max-time 10 -o /dev/null https://shop.example.org/ready",
    ),
    ("http", "http://shop:8080/: connection refused", "connection-refused", "ss -ltnp"),
    ("http", "https://shop/: the name has no address: ?", "dns-resolution-failure", "getent hosts -- shop"),
    (
        "unit",
        "nginx.service is failed (failed)",
        "check-unit-failed",
        "systemctl status --no-pager -l -- nginx.service",
    ),
    ("unit", "db.service is failed (failed), result oom-kill", "oom-killed", "journalctl -k"),
    ("process", "0 processes of gunicorn, expected are at least 2", "check-process-count", "pgrep -a -- gunicorn"),
    ("log_file", "1 new line in /var/log/a b.log matched\nboom", "check-log-lines", "tail -n 200 '/var/log/a b.log'"),
    ("log_file", "1 new line in /k.log matched\nkernel: Out of memory: Killed process 7 (x)", "oom-killed", "journal"),
    ("log_file", "no new line in /k.log matched; it cannot be read: Permission denied", "permission-denied", "namei"),
    (
        "certificate",
        "/etc/ssl/a.pem expires in 3.0 days",
        "certificate-expires",
        "openssl x509 -noout -subject -issuer -enddate -in /etc/ssl/a.pem",
    ),
    ("command", "DISK CRITICAL - free space: /var 12 MiB", "check-command-failed", "grep -nF -A 8 -e web "),
    ("command", "fork failed: Cannot allocate memory", "memory-allocation-failed", "free -m"),
    ("command", "open(): No space left on device", "disk-full", "df -h"),
    ("command", "accept: Too many open files", "too-many-open-files", "cat /proc/sys/fs/file-nr"),
]


@pytest.mark.parametrize(("kind", "output", "slug", "command"), SAID)
def test_what_a_check_said_chooses_its_remedy(kind: str, output: str, slug: str, command: str) -> None:
    [change] = opened(with_checks(1, seen("critical", 1, kind=kind, output=output)))
    assert first(change.remedies) == slug
    assert (change.remedies[0].steps[0].command or "").startswith(command)


@pytest.mark.parametrize(
    "output",
    [
        "its certificate expires in 9.0 days; https://shop.example.org:8443/ answers 200 in 0.010 s",
        "https://shop.example.org:8443/: its certificate is not trusted: certificate has expired",
    ],
)
def test_a_servers_certificate_is_looked_at_where_it_is_presented(output: str) -> None:
    [change] = opened(with_checks(1, seen("warning", 1, kind="http", output=output)))
    assert first(change.remedies) == "server-certificate-expires"
    assert "-connect shop.example.org:8443 " in (change.remedies[0].steps[0].command or "")


@pytest.mark.parametrize(("kind", "cause"), CAUSES)
def test_each_cause_of_silence_and_of_the_road_has_a_remedy(kind: findings.Kind, cause: str) -> None:
    steps = Steps(1, Clocks(wall_ms=0, monotonic_ms=0), FIND)
    steps.open(CheckKey(HUB, kind.rule, ""), cause, 0.0, "so it is")
    assert first(steps.incidents[0].remedies) not in GENERAL


def test_each_cause_is_of_a_kind_that_is_known() -> None:
    assert {kind.rule for kind, _ in CAUSES} == SILENCE_RULES
    assert len(CAUSES) == 3 + 5 + 2


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS_OF_FINDINGS if kind.rule not in SILENCE_RULES], ids=lambda kind: kind.rule
)
def test_each_finding_about_records_and_clocks_has_a_remedy(kind: findings.Kind) -> None:
    web = Agent(agent_id="web", first_seen_ms=0, last_seen_ms=0)
    _, change = Finding(kind, web, 1.0, "so it is", 0).opened(FIND)
    assert first(change.remedies) not in GENERAL


def test_a_rule_file_in_error_has_a_remedy() -> None:
    memory = FleetMemory(FleetState(agents={}, checks={}))
    decision = tell({"disk.yaml": "disk.yaml: no list"}, {"disk.yaml"}, memory, FIND, 0)
    assert decision is not None
    [change] = decision.batch.incidents
    assert first(change.remedies) == "rule-file-error"
    assert change.remedies[0].steps[0].command == "healthmon rules test -- disk.yaml"


def test_a_rule_of_a_user_has_its_own_steps_first_or_at_least_how_to_look() -> None:
    own = rule(
        "queue",
        'mail.queue{list="a b"}',
        steps=[Step(text="Look at {list}.", command="mailq -- {list}"), Step(text="Wait.")],
    )
    snapshot = readings(1, {'mail.queue{list="a b"}': 99.0, "load": 99.0})
    rules = RuleSet([rule(), rule("queue", "mail.queue", steps=own.steps)])
    changes = {change.key.rule: change for change in opened(snapshot, rules=rules)}
    assert first(changes["load"].remedies) == "rule-fired"
    [said] = changes["queue"].remedies
    assert said.title == "What the rule queue says to do"
    assert said.steps == [Step(text="Look at a b.", command="mailq -- 'a b'"), Step(text="Wait.")]


def test_own_steps_come_before_what_is_known_and_are_not_for_a_rule_that_fails() -> None:
    steps = [Step(text="Call the storage team.")]
    in_place_of_shipped = rule("disk-usage", "disk.usage_percent", steps=steps)
    full = readings(1, {'disk.usage_percent{mount="/srv"}': 99.0})
    [change] = opened(full, rules=RuleSet([in_place_of_shipped]))
    assert [remedy.slug for remedy in change.remedies] == ["rule-fired", "disk-full"]
    failing = rule("disk-usage", "disk.usage_percent", steps=steps, sentence="{mount:d}")
    [change] = opened(full, rules=RuleSet([failing]))
    assert (change.severity, first(change.remedies)) == (State.UNKNOWN, "rule-fails")


def test_a_catalogue_that_fails_costs_the_remedy_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(Matcher, "_fits")
    assert FIND("disk-usage", State.CRITICAL, {"mount": "/srv"}) == ()
    assert "no remedy was found for an incident of the rule disk-usage" in caplog.text
