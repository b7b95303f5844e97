import os

from agent.collectors import COLLECTORS, all_collectors
from agent.collectors.collection import collect_all
from agent.host import Host
from deploy.metrics_page import PAGE, metrics_page
from rabbitmq.readings import parse_reading_name
from tests.unit.collectors.recordings import container, server_first, server_second

LABELS = {fact.metric: fact.label for make in COLLECTORS for fact in make().facts}


def undocumented(*hosts: Host) -> set[str]:
    """Metrics given in a row of collections, whose name or label no collector tells of."""
    collectors = all_collectors("linux")
    given = {name for number, host in enumerate(hosts) for name in collect_all(collectors, host, 60.0 * number)[0]}
    assert given
    parsed = [parse_reading_name(name) for name in given]
    return {metric for metric, labels in parsed if [LABELS.get(metric)] != (list(labels) or [""])}


def test_the_page_is_what_the_collectors_say() -> None:
    page = metrics_page(make() for make in COLLECTORS)
    assert PAGE.read_text(encoding="utf-8") == page, "docs/metrics.md is old: run python -m deploy.metrics_page"


def test_this_machine_gives_documented_metrics_only() -> None:
    host = Host.detect(os.environ)
    assert undocumented(host, host) == set()


def test_a_server_and_containers_give_documented_metrics_only() -> None:
    assert undocumented(server_first(), server_second()) == set()
    for version in (1, 2):
        assert undocumented(container(version), container(version)) == set()


def test_a_server_gives_every_documented_metric() -> None:
    collectors, given = all_collectors("linux"), set()
    for host, now in ((server_first(), 0.0), (server_second(), 60.0)):
        given |= {parse_reading_name(name)[0] for name in collect_all(collectors, host, now)[0]}
    not_everywhere = {"swap.usage_percent", *(metric for metric in LABELS if metric.startswith("disk.inodes"))}
    assert set(LABELS) - given <= not_everywhere
