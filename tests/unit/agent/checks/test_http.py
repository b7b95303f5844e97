"""Pages: a real server with and without TLS, a certificate authority of our own, and servers that misbehave."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.checks import http
from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.http import HttpCheck, shown_location
from agent.checks.observation import Observation
from health.state import State

WHOLE_BODY = b"x" * 100_000 + b"the end"


class Site(BaseHTTPRequestHandler):
    """Answers by path. `is_over` ends what drips."""

    is_over: threading.Event
    seen_host = ""

    def do_GET(self) -> None:
        Site.seen_host = self.headers["Host"]
        answers = {"/": (200, b"all is well"), "/large?x=1": (200, WHOLE_BODY), "/gone": (404, b"not here")}
        if self.path == "/moved":
            self._answer(301, b"", location="https://elsewhere.example/")
        elif self.path.startswith("/moved-with-query"):
            self._answer(302, b"", f"https://elsewhere.example/health?{self.path.partition('?')[2]}")
        elif self.path == "/drip":
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000)
        elif self.path == "/drip-body":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            self._drip(b"x" * 10_000)
        elif self.path == "/no-http":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        elif self.path == "/chunked":
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n7\r\nis well\r\n0\r\n\r\n"
            )
        else:
            self._answer(*answers[self.path])

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        with suppress(OSError):  # who has read enough goes away
            self.wfile.write(body)

    def _drip(self, content: bytes) -> None:
        with suppress(OSError):
            for byte in content:
                if self.is_over.wait(0.05):
                    return
                self.wfile.write(bytes([byte]))
                self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base names it so
        pass


@contextmanager
def site(context: ssl.SSLContext | None = None) -> Iterator[int]:
    Site.is_over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is no news
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            Site.is_over.set()
            server.shutdown()
            serving.join()


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with site() as port:
        yield f"http://127.0.0.1:{port}"


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def new_key(file: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file)


@pytest.fixture
def secure(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose certificate lasts as many days as the test says, by an authority that the system trusts."""
    authority, authority_key = tmp_path / "ca.pem", tmp_path / "ca.key"
    key, asked, chain = tmp_path / "site.key", tmp_path / "site.csr", tmp_path / "site.pem"
    openssl("req", "-x509", *new_key(authority_key), "-subj", "/CN=Authority", "-days", "100", "-out", authority)
    openssl("req", "-new", *new_key(key), "-subj", "/CN=a", "-addext", "subjectAltName=IP:127.0.0.1", "-out", asked)
    signed_by = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-copy_extensions", "copy")
    openssl("x509", "-req", "-in", asked, *signed_by, "-days", str(request.param), "-out", chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    http._tls_context.cache_clear()
    with site(context) as port:
        yield f"https://127.0.0.1:{port}"
    http._tls_context.cache_clear()


def observe(url: str, seconds: float = 30.0, **keys: Any) -> Observation:
    return HttpCheck(name="a", url=url, **keys).probe()(Deadline(seconds))


def test_the_right_status_is_ok_and_time_and_size_are_measured(plain: str) -> None:
    observation = observe(plain)
    assert observation.state is State.OK
    assert [(each.label, each.unit) for each in observation.measured] == [("time", "s"), ("size", "B")]
    assert observation.measured[1].value == len(b"all is well")
    assert f"http://{Site.seen_host}" == plain


@pytest.mark.parametrize(("status", "state"), [((200,), State.CRITICAL), ((200, 404), State.OK)])
def test_one_of_the_expected_status_must_come(plain: str, status: tuple[int, ...], state: State) -> None:
    observation = observe(f"{plain}/gone", status=status)
    assert observation.state is state
    assert "404" in observation.output


def test_no_redirect_is_followed_and_its_target_is_told(plain: str) -> None:
    observation = observe(f"{plain}/moved")
    assert observation.state is State.CRITICAL
    assert "answers 301, expected is 200; it points to https://elsewhere.example/" in observation.output


@pytest.mark.parametrize(
    ("path", "body", "state"),
    [("/", "is well", State.OK), ("/chunked", "all is well", State.OK), ("/", "is ill", State.CRITICAL)],
)
def test_the_body_must_hold_the_text(plain: str, path: str, body: str, state: State) -> None:
    assert observe(f"{plain}{path}", body=body).state is state


def test_a_body_is_read_up_to_its_bound(plain: str) -> None:
    url = f"{plain}/large?x=1"
    assert observe(url, body="the end").state is State.CRITICAL
    assert observe(url, body="the end", max_body_bytes=200_000).state is State.OK
    assert observe(url, max_body_bytes=0).measured[1].value == 0


@pytest.mark.parametrize("path", ["/drip", "/drip-body"])
def test_a_server_that_drips_is_out_of_time(plain: str, path: str) -> None:
    with pytest.raises(TimeIsUp):
        observe(f"{plain}{path}", 0.5)


def test_a_server_that_speaks_something_else_is_critical(plain: str) -> None:
    observation = observe(f"{plain}/no-http")
    assert observation.state is State.CRITICAL
    assert "does not speak HTTP" in observation.output


def test_a_query_may_be_secret_and_is_not_shown(plain: str) -> None:
    for url in (f"{plain}/large?x=1", "http://127.0.0.1:1/?x=1"):
        assert "?x" not in observe(url, body="nothing").output


def test_no_server_is_critical_and_no_name_unknown() -> None:
    assert observe("http://127.0.0.1:1/").state is State.CRITICAL
    assert observe("http://no-such-host.invalid/").state is State.UNKNOWN


@pytest.mark.parametrize(
    ("secure", "state"), [(90, State.OK), (10, State.WARNING), (2, State.CRITICAL)], indirect=["secure"]
)
def test_the_days_left_of_the_certificate_decide(secure: str, state: State) -> None:
    observation = observe(secure)
    assert observation.state is state
    assert [each.label for each in observation.measured] == ["time", "size", "certificate_days"]
    assert "its certificate expires in" in observation.output


@pytest.mark.parametrize("secure", [90], indirect=True)
def test_page_and_certificate_are_both_judged(secure: str) -> None:
    observation = observe(f"{secure}/gone", certificate_warning_days=200)
    assert observation.state is State.CRITICAL
    assert "answers 404" in observation.output
    assert "expires in" in observation.output


@pytest.mark.parametrize("secure", [0], indirect=True)
def test_an_expired_certificate_is_critical(secure: str) -> None:
    observation = observe(secure)
    assert observation.state is State.CRITICAL
    assert "certificate" in observation.output


@pytest.mark.parametrize("secure", [90], indirect=True)
def test_a_certificate_by_nobody_we_trust_is_critical(secure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    http._tls_context.cache_clear()
    observation = observe(secure)
    assert observation.state is State.CRITICAL
    assert "its certificate is not trusted" in observation.output


@pytest.mark.parametrize("secure", [90], indirect=True)
def test_a_certificate_for_another_name_is_critical(secure: str) -> None:
    observation = observe(secure.replace("127.0.0.1", "localhost"))
    assert observation.state is State.CRITICAL
    assert "not trusted" in observation.output


def test_a_server_without_tls_is_critical(plain: str) -> None:
    assert observe(plain.replace("http:", "https:")).state is State.CRITICAL


@pytest.mark.parametrize(
    "url", ["http://user:secret@example.org/", "http://example.org:99999/", "http://:80/", "http://example.org:0/"]
)
def test_a_bad_url_is_a_problem_that_quotes_no_secret(url: str) -> None:
    (problem,) = HttpCheck(name="a", url=url).problems()
    assert problem[0] == "url"
    assert "secret" not in problem[1]


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://user:SECRET@shop.example:8443/a?token=SECRET#SECRET", "https://shop.example:8443/a"),
        ("/login?next=SECRET", "/login"),
        ("//user@shop.example/a", "//shop.example/a"),
        ("https://[SECRET", "what is no URL"),
        ("?token=SECRET", ""),
    ],
)
def test_where_a_redirect_points_to_is_told_without_what_may_be_secret(target: str, shown: str) -> None:
    assert shown_location(target) == shown


def test_a_redirect_that_keeps_the_query_tells_nothing_of_it(plain: str) -> None:
    observation = observe(f"{plain}/moved-with-query?token=SECRET")
    assert observation.output.endswith("it points to https://elsewhere.example/health")
