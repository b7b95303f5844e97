"""docker-compose.yml keeps its promises: published here only, least privilege, keys that both composes know."""

import re
from typing import Any

import pytest

from tests.unit.compose.stack import COMPOSE_FILE, ROOT, load_stack, ours, services

ELSEWHERE = "192.0.2.7"
# What the schema of docker-compose 1.29.2 allows and Compose v2 has kept.
TOP_KEYS = {"version", "services", "networks", "volumes", "secrets", "configs"}
SERVICE_KEYS = {
    *(
        "build",
        "cap_add",
        "cap_drop",
        "command",
        "configs",
        "cpus",
        "depends_on",
        "deploy",
        "entrypoint",
        "environment",
    ),
    *(
        "env_file",
        "expose",
        "extra_hosts",
        "group_add",
        "healthcheck",
        "hostname",
        "image",
        "init",
        "labels",
        "logging",
    ),
    *("mem_limit", "mem_reservation", "memswap_limit", "network_mode", "networks", "pid", "pids_limit", "ports"),
    *("profiles", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "stop_signal"),
    *("sysctls", "tmpfs", "ulimits", "user", "volumes", "working_dir"),
}
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period", "disable"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
ONE_SHOTS = {"preflight", "setup"}


def every_service() -> list[Any]:
    return [pytest.param(service, id=name) for name, service in services().items()]


def test_it_has_the_services_that_users_are_told_of() -> None:
    expected = {"rabbitmq", "postgres", "preflight", "setup", "processor", "helpdesk", "agent", "host-agent"}
    assert set(services()) == expected


def test_top_keys_are_known_to_both_composes() -> None:
    assert {key for key in load_stack() if not key.startswith("x-")} <= TOP_KEYS


@pytest.mark.parametrize("service", every_service())
def test_service_keys_are_known_to_both_composes(service: dict[str, Any]) -> None:
    assert set(service) <= SERVICE_KEYS
    assert set(service.get("healthcheck", {})) <= HEALTH_KEYS
    for rule in service.get("depends_on", {}).values():
        assert set(rule) == {"condition"}
        assert rule["condition"] in CONDITIONS


def test_every_port_is_published_on_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_management_interface_never_leaves_this_machine() -> None:
    ports = [port for service in services({"HEALTHMON_BIND": ELSEWHERE}).values() for port in service.get("ports", [])]
    assert sorted(port for port in ports if port.endswith(":15672")) == ["127.0.0.1:15672:15672"]
    assert len([port for port in ports if port.startswith(ELSEWHERE)]) == 2


def test_nothing_publishes_a_port_before_preflight_agreed() -> None:
    stack = services()
    for name in (name for name, service in stack.items() if service.get("ports")):
        assert "preflight" in ancestors(stack, name), name


def ancestors(stack: dict[str, dict[str, Any]], name: str) -> set[str]:
    """Services that must be healthy or done before this one starts."""
    rules = stack[name].get("depends_on", {})
    firm = {other for other, rule in rules.items() if rule["condition"] != "service_started"}
    return firm.union(*(ancestors(stack, other) for other in firm))


def test_preflight_knows_the_address_and_every_password() -> None:
    asked = {"HEALTHMON_BIND", "POSTGRES_PASSWORD", "HEALTHMON_RABBITMQ_ADMIN_PASSWORD"}
    asked |= {f"HEALTHMON_{who}_PASSWORD" for who in ("PROCESSOR", "HELPDESK", "AGENT")}
    assert asked <= set(services()["preflight"]["environment"])


@pytest.mark.parametrize("name", ours())
def test_ours_have_no_privilege(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    user, _, group = str(service["user"]).partition(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("service", every_service())
def test_every_service_is_bounded(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"]["max-size"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True


def test_what_serves_comes_back_and_what_runs_once_does_not() -> None:
    for name, service in services().items():
        assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped"), name


def test_what_serves_says_whether_it_is_well() -> None:
    assert [
        name for name, service in services().items() if name not in ONE_SHOTS and "healthcheck" not in service
    ] == []


def test_three_agents_start_and_each_has_a_small_file_system_to_fill() -> None:
    agent = services()["agent"]
    assert agent["deploy"] == {"replicas": 3}
    assert "container_name" not in agent
    assert [entry for entry in agent["tmpfs"] if entry.startswith("/demo:size=16m")]


def test_the_host_is_mounted_read_only_and_only_for_the_host_agent() -> None:
    binds = {
        name: [volume for volume in service.get("volumes", []) if volume.startswith("/")]
        for name, service in services().items()
    }
    assert binds.pop("host-agent") == ["/proc:/host/proc:ro", "/sys:/host/sys:ro", "/:/host/root:ro"]
    assert [volume for volumes in binds.values() for volume in volumes] == []


def test_files_of_ours_are_mounted_read_only_and_exist() -> None:
    mounted = [v for service in services().values() for v in service.get("volumes", []) if v.startswith("./")]
    assert mounted
    for volume in mounted:
        source, _, mode = volume.split(":")
        assert mode == "ro"
        assert (ROOT / source).exists()


def test_programs_see_the_users_files_for_them_and_not_the_servers_secrets() -> None:
    mounted = {
        name: [volume for volume in service.get("volumes", []) if volume.startswith("./config/")]
        for name, service in services().items()
    }
    assert {name: volumes for name, volumes in mounted.items() if volumes} == {
        "processor": ["./config/server:/etc/healthmon:ro"],
        "helpdesk": ["./config/server:/etc/healthmon:ro"],
        "host-agent": ["./config/agent:/etc/healthmon:ro"],
    }
    assert services()["processor"]["environment"]["HEALTHMON_RULES_DIR"] == "/etc/healthmon/rules"


def test_the_broker_keeps_its_name() -> None:
    assert services()["rabbitmq"]["hostname"] == "rabbitmq"


def test_every_named_volume_is_declared() -> None:
    used = {
        v.partition(":")[0] for service in services().values() for v in service.get("volumes", []) if v[0] not in "./"
    }
    assert used == set(load_stack()["volumes"])


@pytest.mark.parametrize("name", ["Dockerfile.agent", "Dockerfile.processor"])
def test_dockerfiles_suit_the_classic_builder(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "--mount" not in text
    assert "<<" not in text
    assert not text.startswith("# syntax=")
    assert text.index("pip install") < text.index("COPY rabbitmq"), "a change of code would install everything again"
    assert re.search(r"^USER healthmon$", text, re.MULTILINE)


def test_no_file_names_a_package_registry() -> None:
    for file in (COMPOSE_FILE, ROOT / "Dockerfile.agent", ROOT / "Dockerfile.processor"):
        assert "index-url" not in file.read_text()
