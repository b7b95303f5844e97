"""Without RabbitMQ and without a way to root, people get a command that they can run."""

import os
import shutil
from collections.abc import Callable

import pytest

from deploy.local import install
from deploy.local.install import NotInstalled, require_rabbitmq


@pytest.fixture
def machine_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What is said on a machine that has these programs alone, and whose user is not root."""

    def told(*programs: str) -> str:
        monkeypatch.setattr(install, "is_installed", lambda: False)
        monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(NotInstalled) as error:
            require_rabbitmq(lambda _text: None)
        return str(error.value)

    return told


def test_a_bare_debian_has_su(machine_with: Callable[..., str]) -> None:
    assert "\n  su -c 'sh deploy/local/install_rabbitmq.sh'\n" in machine_with("apt-get")


def test_without_apt_get_nothing_of_it_is_advised(machine_with: Callable[..., str]) -> None:
    told = machine_with("sudo")
    assert "no apt-get" in told
    assert "install_rabbitmq.sh" not in told
