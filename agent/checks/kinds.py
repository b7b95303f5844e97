"""Every kind of check there is."""

from agent.check_settings import CheckSetting
from agent.checks.certificate import CertificateCheck
from agent.checks.command import CommandCheck
from agent.checks.http import HttpCheck
from agent.checks.log_file import LogFileCheck
from agent.checks.process import ProcessCheck
from agent.checks.tcp import TcpCheck
from agent.checks.unit import UnitCheck

_ALL: tuple[type[CheckSetting], ...] = (
    CommandCheck,
    TcpCheck,
    HttpCheck,
    ProcessCheck,
    UnitCheck,
    LogFileCheck,
    CertificateCheck,
)

KINDS: dict[str, type[CheckSetting]] = {kind.kind: kind for kind in _ALL}
