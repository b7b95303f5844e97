"""Every foreseen trouble is one message in three parts and an exit code, never a traceback."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import httpx2
import pytest

from cli.main import run
from cli.terminal import Terminal
from tests.unit.cli.desk_stub import HEALTHY, User, listed, problem


def failing(error: Exception, cause: Exception | None = None) -> Callable[[httpx2.Request], httpx2.Response]:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error from cause

    return answer


def test_a_help_desk_that_is_down_is_69_with_address_reason_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    assert run(["status", "--url", url], Terminal(environment={})) == 69
    assert capsys.readouterr() == (
        "",
        f"Cannot reach the help desk at {url}: connection refused. Is it running? Try: make up\n",
    )


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (httpx2.ConnectTimeout("x"), None, "no answer in time. Is it running?"),
        (httpx2.ReadTimeout("x"), None, "no answer in time"),
        (httpx2.ConnectError("x"), socket.gaierror(-2, "Name or service not known"), "name or service not known."),
        (httpx2.RemoteProtocolError("Server disconnected."), None, "server disconnected. Is"),
        (httpx2.ConnectError("x"), ssl.SSLError(1, "wrong version"), "SSL_CERT_FILE"),
    ],
)
def test_why_it_cannot_be_reached(user: User, error: Exception, cause: Exception | None, reason: str) -> None:
    seen = user.calls("status", answers={"GET /agents": failing(error, cause)})
    assert (seen.code, seen.out) == (69, "")
    assert reason in seen.err
    assert seen.err.count("\n") == 1


@pytest.mark.parametrize(("status", "headers"), [(503, {"retry-after": "5"}), (500, {}), (429, {"retry-after": "5"})])
def test_what_may_pass_is_75(user: User, status: int, headers: dict[str, str]) -> None:
    answer = problem(status, "The database does not answer.", **headers)
    seen = user.calls("status", answers={"GET /agents": answer})
    assert seen.code == 75
    again = "Try again in 5 s." if headers else "Try again later."
    assert seen.err == f"No answer now: The database does not answer. {again}\n"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, html="<h1>It works</h1>"),
        httpx2.Response(404, text="nothing here"),
        httpx2.Response(200, content=b"{", headers={"content-type": "application/json"}),
        httpx2.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
        httpx2.Response(200, json=["a", "list"]),
        httpx2.Response(302, json={}, headers={"location": "http://elsewhere.example/"}),
    ],
)
def test_another_program_at_the_address_is_told_apart(user: User, answer: httpx2.Response) -> None:
    seen = user.calls("status", answers={"GET /agents": answer})
    assert (seen.code, len(seen.asked)) == (69, 1)
    assert "is not a help desk" in seen.err


def test_an_answer_of_another_version_is_told(user: User) -> None:
    lacking = {name: value for name, value in HEALTHY.items() if name != "sentence"}
    answers = {"GET /agents": listed(lacking), "GET /incidents": listed()}
    seen = user.calls("status", answers=answers)
    assert seen.code == 69
    assert "it lacks 'sentence'" in seen.err
    assert "Install the same version" in seen.err


def test_a_refused_question_is_a_usage_error(user: User) -> None:
    seen = user.calls("status", "x", answers={"GET /agents/x": problem(422, "agent: too long.")})
    assert (seen.code, seen.err) == (64, "The help desk did not take this: agent: too long.\n")


def test_an_interrupt_is_130(user: User) -> None:
    assert user.calls("status", answers={"GET /agents": failing(KeyboardInterrupt())}).code == 130  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("bogus",), "healthmon"),
        (("--color", "purple"), "healthmon"),
        (("status", "--bogus"), "healthmon status"),
        (("status", "a", "b"), "healthmon status"),
        (("keys", "create", "--bogus"), "healthmon keys create"),
    ],
)
def test_a_wrong_call_is_64_and_points_to_the_help_of_its_command(
    user: User, arguments: tuple[str, ...], command: str
) -> None:
    seen = user.calls(*arguments)
    assert (seen.code, seen.out) == (64, "")
    assert seen.err.endswith(f"Try: {command} --help\n")


def test_help_documents_the_exit_codes(user: User) -> None:
    for arguments in (("--help",), ("status", "--help"), ("keys", "create", "--help")):
        seen = user.calls(*arguments)
        assert seen.code == 0
        assert "69 the help desk cannot be reached" in " ".join(seen.out.split())


def test_the_version_needs_neither_settings_nor_the_http_client() -> None:
    check = (
        "import sys; from cli.main import run; from cli.terminal import Terminal;"
        "code = run(['version'], Terminal(environment={'HEALTHMON_URL': 'nonsense'}));"
        "print(code, sorted({'httpx2', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    version, ended = done.stdout.splitlines()
    assert version.startswith("healthmon ")
    assert version.split()[1][0].isdigit()
    assert ended == "0 []"


@pytest.mark.parametrize("argument", ["--help", "version"])
def test_a_reader_that_has_gone_leaves_no_message(argument: str) -> None:
    command = [sys.executable, "-m", "cli", argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
