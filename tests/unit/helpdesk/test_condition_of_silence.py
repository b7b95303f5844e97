"""What is said of a host of which nothing is heard: the processor's sentence, where it has one."""

from dataclasses import replace

from health.state import State
from helpdesk_api.condition import AGENT_SILENT, condition_of
from helpdesk_api.fleet import NO_NUMBER, worst_by_agent
from helpdesk_api.freshness import Freshness
from store.incidents import OpenIncident
from store.model import Agent

NOW_MS = 1_790_000_000_000
FRESH = Freshness(NOW_MS, None)
AGENT = Agent(agent_id="web-3", first_seen_ms=0, last_seen_ms=NOW_MS - 40_000)
SILENT = OpenIncident(
    number=8,
    agent_id="web-3",
    host_name="web-3",
    severity=State.CRITICAL,
    sentence="No data since 14:02:06 UTC: its connection closed at 14:02:11 UTC without a goodbye: the agent died",
    opened_ms=NOW_MS - 30_000,
    rule=AGENT_SILENT,
    subject="",
    group_name="",
    acknowledged_by="",
    severity_since_ms=NOW_MS - 30_000,
)


def test_the_processors_sentence_stands_alone() -> None:
    condition = condition_of(AGENT, SILENT, {}, FRESH, NOW_MS)
    assert condition.sentence == f"{SILENT.sentence}."
    assert (condition.state, condition.no_news) == (State.CRITICAL, SILENT.sentence)


def test_it_comes_before_what_the_host_said_last() -> None:
    disk = replace(SILENT, number=3, rule="disk-full", sentence="disk / is full")
    assert worst_by_agent([disk, SILENT])["web-3"] is SILENT


def test_what_has_an_incident_comes_before_what_has_none() -> None:
    disk = replace(SILENT, number=3, rule="disk-full", sentence="disk / is full")
    withheld = replace(disk, number=NO_NUMBER, rule="heat", sentence="heat is critical, no incident of its own")
    assert worst_by_agent([withheld, disk])["web-3"] is disk
    assert worst_by_agent([replace(SILENT, number=NO_NUMBER), disk])["web-3"] is disk


def test_a_pipeline_in_doubt_excuses_the_host_all_the_same() -> None:
    condition = condition_of(AGENT, SILENT, {}, Freshness(NOW_MS - 60_000, "The processor is away."), NOW_MS)
    assert condition.sentence.startswith("No fresh data. The processor is away.")
