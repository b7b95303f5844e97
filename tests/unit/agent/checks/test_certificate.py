"""Certificates as openssl writes them: when they end, and files that are none."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.checks.certificate import CertificateCheck
from agent.checks.days_left import expiry_observation
from agent.checks.deadline import Deadline
from agent.checks.not_after import not_after_seconds
from agent.checks.observation import Observation
from health.state import State

DAY_SECONDS = 86400.0


def certificate(folder: Path, days: int, *, key: str = "ec", version_1: bool = False) -> Path:
    """Made by openssl, `days` long."""
    kinds = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}
    file, key_file = folder / f"{days}{key}{version_1}.pem", folder / "key.pem"
    subject = ["-subj", "/O=A rather long organisation/CN=example.org"]
    quiet = ["-nodes", "-keyout", str(key_file)]
    if version_1:
        request = folder / "request.pem"
        run("req", "-new", *kinds[key], *quiet, *subject, "-out", str(request))
        run("x509", "-req", "-in", str(request), "-signkey", str(key_file), "-days", str(days), "-out", str(file))
    else:
        run("req", "-x509", *kinds[key], *quiet, *subject, "-days", str(days), "-out", str(file))
    return file


def run(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def end_by_openssl(file: Path) -> float:
    written = run("x509", "-in", str(file), "-noout", "-enddate").strip().removeprefix("notAfter=")
    return datetime.strptime(written, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC).timestamp()


def observe(file: Path) -> Observation:
    return CertificateCheck(name="a", file=str(file), warning_days=30, critical_days=10).probe()(Deadline(30))


@pytest.mark.parametrize(
    ("days", "key", "version_1"),
    [(90, "ec", False), (90, "rsa", False), (90, "ec", True), (365 * 23, "ec", False), (365 * 60, "ec", False)],
)
def test_the_end_is_the_one_that_openssl_reads(tmp_path: Path, days: int, key: str, version_1: bool) -> None:
    """Beyond 2049 the time is written in another form."""
    file = certificate(tmp_path, days, key=key, version_1=version_1)
    assert not_after_seconds(file.read_bytes()) == [end_by_openssl(file)]


@pytest.mark.parametrize(("days", "state"), [(90, State.OK), (20, State.WARNING), (5, State.CRITICAL)])
def test_the_days_left_decide(tmp_path: Path, days: int, state: State) -> None:
    observation = observe(certificate(tmp_path, days))
    assert observation.state is state
    (measured,) = observation.measured
    assert (measured.label, round(measured.value)) == ("certificate_days", days)


def test_of_a_chain_the_one_that_ends_first_counts(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"words\n" + certificate(tmp_path, 90).read_bytes() + certificate(tmp_path, 5).read_bytes())
    assert observe(chain).state is State.CRITICAL


def test_an_expired_one_says_since_when() -> None:
    observation = expiry_observation("x", 0.0, 2 * DAY_SECONDS, 30, 10)
    assert (observation.state, observation.output) == (State.CRITICAL, "x expired 2.0 days ago")


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END"])
def test_what_is_no_certificate_is_unknown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.pem"
    file.write_bytes(content)
    assert observe(file).state is State.UNKNOWN
    assert observe(tmp_path / "none.pem").state is State.UNKNOWN


def test_a_key_in_the_same_file_does_not_matter(tmp_path: Path) -> None:
    both = certificate(tmp_path, 90)
    both.write_bytes((tmp_path / "key.pem").read_bytes() + both.read_bytes())
    assert observe(both).state is State.OK


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return certificate(tmp_path_factory.mktemp("certificates"), 90).read_bytes()


@given(data=st.data())
def test_a_damaged_certificate_never_raises_anything_else(whole: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(28, len(whole) - 30))
    damaged = whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + data.draw(st.integers(0, 40)) :]
    try:
        ends = not_after_seconds(damaged)
    except ValueError:
        return
    assert all(isinstance(end, float) for end in ends)


def test_the_limits_must_be_in_order() -> None:
    (problem,) = CertificateCheck(name="a", file="x", warning_days=1, critical_days=10).problems()
    assert problem[0] == "warning_days"
