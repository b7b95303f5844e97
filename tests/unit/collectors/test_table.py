import importlib
import inspect
import pkgutil

import agent.collectors
from agent.collectors import COLLECTORS, all_collectors


def collector_classes() -> dict[type, str]:
    """All classes of this package that collect for Linux, with the file they are in."""
    found = {}
    for info in pkgutil.iter_modules(agent.collectors.__path__):
        module = importlib.import_module(f"agent.collectors.{info.name}")
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and hasattr(kind, "collect"):
                found[kind] = f"agent/collectors/{info.name}.py"
    return {kind: file for kind, file in found.items() if not file.endswith(("/collector.py", "/portable.py"))}


def test_every_collector_is_in_the_table() -> None:
    missing = [file for kind, file in collector_classes().items() if kind not in COLLECTORS]
    assert not missing, f"not in COLLECTORS of agent/collectors/__init__.py: {', '.join(missing)}"
    assert len(COLLECTORS) == len(collector_classes())


def test_names_are_unique() -> None:
    names = [make().name for make in COLLECTORS]
    assert len(set(names)) == len(names)


def test_every_metric_is_one_collectors_own() -> None:
    metrics = [fact.metric for make in COLLECTORS for fact in make().facts]
    assert len(set(metrics)) == len(metrics)


def test_other_systems_have_a_collector_of_each_name() -> None:
    ours = {running.collector.name for running in all_collectors("linux")}
    assert {running.collector.name for running in all_collectors("darwin")} == ours
