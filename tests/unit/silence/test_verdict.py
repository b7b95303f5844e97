"""The verdict on one agent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.silence.facts import Facts, Flow, Link, Reach
from processor.silence.sentences import Clocks, silence_sentence
from processor.silence.verdict import ALERTING, Verdict, verdict

NOW = 1_000_000
STEADY = Flow(proven_ms=NOW - 100, steady_since_ms=0)
HEARD = Facts(interval_ms=5000, heard_ms=NOW - 3000, link=Link.OPEN, flow=STEADY)
QUIET = replace(HEARD, heard_ms=NOW - 16_000)
CUT_OFF = replace(HEARD, link=Link.CLOSED, closed_ms=NOW - 2000)
GIVEN_UP = replace(QUIET, heard_ms=NOW - 20_000, link=Link.CLOSED, closed_ms=NOW - 3000)
SLOW = replace(CUT_OFF, interval_ms=60_000, heard_ms=NOW - 50_000)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (HEARD, Verdict.HEARD),
        (replace(HEARD, said_goodbye=True), Verdict.STOPPED_CLEANLY),
        (replace(CUT_OFF, said_goodbye=True), Verdict.STOPPED_CLEANLY),
        (CUT_OFF, Verdict.AGENT_DIED),
        (replace(CUT_OFF, reach=Reach.SILENT), Verdict.AGENT_DIED),  # a firewall, perhaps: its end was seen
        (replace(CUT_OFF, closed_ms=NOW - 1400), Verdict.MAY_RECONNECT),
        (replace(CUT_OFF, flow=replace(STEADY, proven_ms=NOW - 2001)), Verdict.UNPROVEN),
        (replace(CUT_OFF, heard_ms=NOW - 900), Verdict.HEARD),  # over another connection
        (replace(CUT_OFF, heard_ms=NOW - 1200), Verdict.AGENT_DIED),  # its last record crossed the news
        (replace(QUIET, reach=Reach.ASKED), Verdict.PROBING),
        (replace(QUIET, reach=Reach.ANSWERS), Verdict.AGENT_HUNG),
        (replace(QUIET, reach=Reach.LOCAL), Verdict.AGENT_HUNG),
        (replace(QUIET, reach=Reach.SILENT), Verdict.HOST_OR_UPLINK_DOWN),
        (replace(QUIET, reach=Reach.SHARED), Verdict.HOST_OR_UPLINK_DOWN),
        (replace(QUIET, link=Link.UNKNOWN, reach=Reach.ANSWERS), Verdict.AGENT_HUNG),
        (replace(QUIET, flow=replace(STEADY, proven_ms=NOW - 1001)), Verdict.UNPROVEN),
        (replace(GIVEN_UP, reach=Reach.ANSWERS), Verdict.AGENT_HUNG),
        (replace(GIVEN_UP, reach=Reach.SILENT), Verdict.HOST_OR_UPLINK_DOWN),
        (replace(SLOW, reach=Reach.ANSWERS), Verdict.AGENT_DIED),
        (replace(SLOW, reach=Reach.SILENT), Verdict.HOST_OR_UPLINK_DOWN),
        (replace(QUIET, flow=Flow(NOW - 500, NOW - 15_400)), Verdict.UNPROVEN),  # its time of grace ended later
        (replace(QUIET, flow=Flow(NOW, None)), Verdict.FLOW_IN_DOUBT),
        (replace(QUIET, flow=Flow(NOW, NOW - 14_000)), Verdict.GRACE),
        (replace(CUT_OFF, flow=Flow(NOW, NOW - 14_000)), Verdict.GRACE),
        (replace(QUIET, link=Link.UNKNOWN, flow=Flow(NOW, NOW - 15_500)), Verdict.GRACE),  # waits to connect, perhaps
        (
            replace(CUT_OFF, heard_ms=NOW - 17_000, flow=Flow(NOW, NOW - 16_000)),
            Verdict.HOST_OR_UPLINK_DOWN,
        ),  # was back
        (replace(QUIET, link=Link.UNKNOWN, flow=Flow(NOW, NOW - 75_000)), Verdict.HOST_OR_UPLINK_DOWN),
    ],
)
def test_facts_and_their_verdict(facts: Facts, expected: Verdict) -> None:
    assert verdict(facts, NOW) is expected


@pytest.mark.parametrize(
    ("reach", "ending"),
    [
        (Reach.ANSWERS, "its address answers: the agent died"),
        (Reach.LOCAL, ": the agent died"),
        (Reach.UNKNOWN, ": the agent died, or its uplink is down"),
        (Reach.SHARED, ": the agent died, or its uplink is down"),
    ],
)
def test_a_close_that_a_missed_heartbeat_explains_too_is_not_blamed_on_the_agent_alone(
    reach: Reach, ending: str
) -> None:
    clocks = Clocks(NOW, 1_790_000_100_000)
    facts = replace(SLOW, reach=reach)
    assert silence_sentence(Verdict.AGENT_DIED, facts, None, clocks).endswith(ending)
    at_once = replace(SLOW, heard_ms=NOW - 7_000, reach=reach)
    assert silence_sentence(Verdict.AGENT_DIED, at_once, None, clocks).endswith(": the agent died")


times = st.integers(min_value=NOW - 200_000, max_value=NOW)


@given(
    st.builds(
        Facts,
        interval_ms=st.sampled_from([1000, 5000, 60_000]),
        heard_ms=times,
        said_goodbye=st.booleans(),
        link=st.sampled_from(Link),
        closed_ms=st.none() | times,
        reach=st.sampled_from(Reach),
        flow=st.builds(Flow, st.none() | times, st.none() | times),
    )
)
def test_nobody_is_blamed_without_proof(facts: Facts) -> None:
    if verdict(facts, NOW) in ALERTING:
        assert not facts.said_goodbye
        assert facts.flow.steady_since_ms is not None
        assert facts.flow.steady_since_ms <= NOW - facts.patience_ms
        assert facts.flow.proven_ms is not None
        assert facts.flow.proven_ms >= (facts.closed_ms or 0) or facts.flow.proven_ms >= facts.heard_ms
