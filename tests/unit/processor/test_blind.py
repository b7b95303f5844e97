"""A host of which not all is measured that rules read is not ok; what nobody reads, or is not to be had, is no lack."""

from collections.abc import Mapping

import pytest
from msgspec import structs

from agent.collectors import COLLECTORS
from agent.collectors.collection import Running, collect_all
from agent.collectors.collector import Fact, NotHere
from agent.host import Host
from processor.rule import Kind
from processor.rule_set import RuleSet
from processor.vanished import is_blind
from rabbitmq.readings import metric_group
from rabbitmq.records import Readings
from tests.unit.processor.deliveries import decide, delivery, empty_memory, hello, readings
from tests.unit.processor.rules_of_tests import rule

RULES = RuleSet(
    [
        rule("full", "disk.usage_percent"),
        rule("up", "system.uptime_seconds"),
        rule("mail", "custom.mail.waiting", groups=frozenset({"mail"})),
        rule("many", "network.errors", kind=Kind.FLEET, of="full"),
    ]
)


@pytest.mark.parametrize(
    ("errors", "group", "blind"),
    [
        ({}, "", False),
        ({"disk": "OSError: no"}, "", True),
        ({'disk{mount="/srv"}': "did not answer"}, "", True),
        ({"uptime": "OSError: no"}, "", True),
        ({"disk_io": "OSError: no", "load": "x", "spool": "disk is full"}, "", False),
        ({"network": "no rule reads it: one looks at the checks of another"}, "", False),
        ({'custom{file="mail.py"}': "TypeError: no"}, "", False),
        ({'custom{file="mail.py"}': "TypeError: no"}, "mail", True),
        ({"disk": "not offered here: this system has none"}, "", False),
        ({"disk": "not offered here: this system has none", 'disk{mount="/"}': "did not answer"}, "", True),
    ],
)
def test_what_rules_read_must_be_measured(errors: Mapping[str, str], group: str, blind: bool) -> None:
    assert is_blind(errors, RULES, group) is blind


@pytest.mark.parametrize("make", COLLECTORS)
def test_each_collectors_errors_are_known_to_concern_its_metrics(make: type) -> None:
    collector = make()
    assert {metric_group(fact.metric) for fact in collector.facts} == {collector.name}


class _NoLoad:
    name = "load"
    period_seconds = None
    facts: tuple[Fact, ...] = ()

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 it never reads
        raise NotHere("this system keeps no load average")


def test_what_an_agents_system_does_not_offer_is_no_lack() -> None:
    _, errors = collect_all([Running(_NoLoad())], Host.detect({}), 0.0)
    assert "keeps no load average" in errors["load"]
    assert not is_blind(errors, RuleSet([rule("load", "load.5m_per_core")]), "")


def test_an_agent_is_blind_for_as_long_as_its_newest_snapshot_is() -> None:
    memory, seen = empty_memory(), list[bool]()
    lacking: list[dict[str, str]] = [{}, {"disk": "OSError: no"}, {"disk": "OSError: no"}, {}]
    for seq, errors in enumerate(lacking, start=2):
        one = structs.replace(readings(seq, {"load": 1.0}), errors=errors)
        decide(memory, delivery(one), rules=RULES)
        known = memory.agent("web-3")
        assert known is not None
        seen.append(known.is_blind)
    assert seen == [False, True, True, False]


def test_its_group_is_the_one_of_its_hello() -> None:
    memory = empty_memory()
    lacking = structs.replace(readings(2, {}), errors={'custom{file="mail.py"}': "no"})
    decide(memory, delivery(structs.replace(hello(1), group="mail"), lacking), rules=RULES)
    known = memory.agent("web-3")
    assert known is not None
    assert known.is_blind
