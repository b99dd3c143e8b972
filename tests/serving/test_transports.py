"""Servers that are hostile: what they make of a request's time, secrets and memory."""

import io
import json
import logging
import os
import socket
import threading
import time
import traceback
from contextlib import contextmanager

import pytest
from helpers import hostile_servers
from helpers.hostile_servers import (
    ENDLESS_GRPC,
    ENDLESS_HTTP,
    answering,
    http,
    request_of,
    tcp_server,
)

from tf_pegasus.serving import Client, ServingError
from tf_pegasus.serving.transports import GrpcTransport, RestTransport

SECRET = "s3cr3t-Tok3n"
ROW = {"outputs": {"summary": ["x"], "score": [-1.0], "truncated": [False]}}
GOOD = json.dumps(ROW).encode()


@contextmanager
def rest_client(talk, **options):
    with tcp_server(talk) as address, Client(f"http://{address}", **options) as client:
        yield client


def tried(function):
    """The error of a call, and the seconds it took."""
    start = time.monotonic()
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function()
    return caught.value, time.monotonic() - start


def written(error):
    """All that may be shown of an error."""
    text = "".join(traceback.format_exception(error))
    while error is not None:
        text += repr(error) + str(error) + repr(error.args)
        error = error.__cause__ or error.__context__
    return text


# Time


@pytest.mark.parametrize("name", ENDLESS_HTTP)
def test_http_that_never_ends(name):
    # More than the kernel's buffers hold, where nobody reads.
    text = "a" * (2**23 if name == "never read" else 1)
    with rest_client(ENDLESS_HTTP[name], timeout=0.7, retries=100) as client:
        error, seconds = tried(lambda: client.summarize([text]))
    # Too many headers are an error before.
    assert isinstance(error, (TimeoutError, ServingError)), error
    assert (name in ("dripped headers", "dripped status line")) or isinstance(error, TimeoutError)
    assert seconds < 0.7 + 0.5


@pytest.mark.parametrize("name", ENDLESS_GRPC)
def test_grpc_that_never_ends(name):
    with tcp_server(ENDLESS_GRPC[name]) as address, Client(address, timeout=0.7) as client:
        error, seconds = tried(lambda: client.summarize(["x"]))
    assert isinstance(error, (TimeoutError, ConnectionError)), error
    assert seconds < 0.7 + 0.5


def test_tls_that_never_ends():
    def talk(connection):
        connection.recv(2**16)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(2**14):
            connection.sendall(bytes([byte]))
            time.sleep(hostile_servers.DRIP)

    with tcp_server(talk) as address, Client(f"https://{address}", timeout=0.7) as client:
        error, seconds = tried(lambda: client.summarize(["x"]))
    assert isinstance(error, (TimeoutError, ConnectionError)), error
    assert seconds < 0.7 + 0.5


def test_a_host_that_takes_no_connection():
    # Its queue is full: nothing answers to a SYN.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)
        try:
            for scheme in ("http://", ""):
                with Client(f"{scheme}127.0.0.1:{address[1]}", timeout=0.7) as client:
                    error, seconds = tried(lambda client=client: client.summarize(["x"]))
                assert isinstance(error, (TimeoutError, ConnectionError)), error
                assert seconds < 0.7 + 0.5
        finally:
            for sock in waiting:
                sock.close()


def test_names_that_are_never_resolved(monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: is_over.wait(20) and [])
    before = threading.active_count()
    with Client("http://name.invalid", timeout=0.3, concurrency=1, retries=0) as client:
        for _ in range(5):
            error, seconds = tried(lambda: client.summarize(["x"]))
            assert isinstance(error, TimeoutError), error
            assert seconds < 0.3 + 0.5
        # The client's own, and one lookup for all.
        assert threading.active_count() <= before + 2
        is_over.set()
    wait_for(lambda: threading.active_count() <= before)


def test_retries_are_within_the_deadline():
    with rest_client(answering(http(b"{}", 503)), timeout=0.7, retries=10**6) as client:
        error, seconds = tried(lambda: client.summarize(["x"]))
    assert isinstance(error, (TimeoutError, ConnectionError)), error
    assert seconds < 0.7 + 0.5


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_nothing_is_left_of_calls_that_time_out(protocol):
    if protocol == "rest":
        talk, prefix = ENDLESS_HTTP["dripped body"], "http://"
    else:
        talk, prefix = ENDLESS_GRPC["dripped message"], ""
    # The server's own threads and sockets end when the client's do.
    options = {"timeout": 0.2, "concurrency": 10, "batch_size": 1}
    with tcp_server(talk) as address, Client(f"{prefix}{address}", **options) as client:
        # Starts the client's threads, and those of gRPC that stay as long as the process.
        tried(lambda: client.summarize(["x"] * 10))
        before = resources_settled()
        for _ in range(5):
            error, _ = tried(lambda: client.summarize(["x"] * 10))
            assert isinstance(error, TimeoutError), error
        wait_for(lambda: all(a <= b for a, b in zip(resources(), before, strict=True)))


def resources():
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def resources_settled():
    time.sleep(1.0)
    return resources()


def wait_for(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, resources()
        time.sleep(0.05)


def test_large_answers_are_read_in_linear_time():
    def answer(size):
        return http(GOOD[:-1] + b" " * size + b"}")

    seconds = []
    for size in (2**20, 2**25):
        with rest_client(answering(answer(size)), timeout=30) as client:
            client.summarize(["x"])
            start = time.monotonic()
            client.summarize(["x"])
            seconds.append(time.monotonic() - start)
    assert seconds[1] < 32 * 4 * max(seconds[0], 0.01)


@pytest.mark.parametrize(
    "talk",
    [
        answering(hostile_servers.HEAD + b"\r\n", endless := hostile_servers.endless(b" " * 2**22)),
        answering(hostile_servers.CHUNKED + b"1;", endless),
        answering(hostile_servers.CHUNKED + b"-1\r\n", endless),
    ],
    ids=["body", "chunk extension", "negative chunk"],
)
def test_answers_without_end_are_cut_off(talk):
    with rest_client(talk, timeout=30) as client:
        error, _ = tried(lambda: client.summarize(["x"]))
    assert isinstance(error, ServingError), error


# Redirects


@contextmanager
def eavesdropper():
    """A server that notes what it was sent."""
    heard = []

    def talk(connection):
        heard.append(request_of(connection))
        connection.sendall(http(GOOD))

    with tcp_server(talk) as address:
        yield address, heard


def redirecting(place, status=307):
    return answering(http(b"", status, [f"Location: {place}"]))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("follow", [False, True])
def test_no_redirect_leaves_the_origin(status, follow):
    headers = {"Authorization": f"Bearer {SECRET}", "X-Key": SECRET}
    with eavesdropper() as (other, heard):
        for place in (f"http://{other}/v1/x", f"//{other}/v1/x", f"https://{other}/"):
            with (
                rest_client(
                    redirecting(place, status), headers=headers, follow_redirects=follow
                ) as client,
                pytest.raises(ServingError, match="redirects") as caught,
            ):
                client.summarize(["the document"])
            assert SECRET not in written(caught.value)
    assert heard == []


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/", "data:,{}", "\\\\x"])
def test_no_redirect_leaves_http(place):
    for follow in (False, True):
        with (
            rest_client(redirecting(place), follow_redirects=follow) as client,
            pytest.raises(ServingError, match="redirects"),
        ):
            client.summarize(["x"])


def test_redirects_of_the_same_origin_are_followed_where_asked_for():
    requests = []

    def talk(connection):
        while True:
            head, body = request_of(connection)
            requests.append((head.split()[1], body))
            is_first = b"/moved/" not in head
            connection.sendall(
                http(b"", 308, ["Location: /moved/here?x=1"]) if is_first else http(GOOD)
            )

    with rest_client(talk) as client, pytest.raises(ServingError, match="does not follow"):
        client.summarize(["x"])
    with rest_client(talk, follow_redirects=True) as client:
        assert client.summarize(["x"])[0].text == "x"
    assert [path for path, _ in requests[1:]] == [
        b"/v1/models/tf_pegasus:predict",
        b"/moved/here?x=1",
    ]
    assert requests[1][1] == requests[2][1]


def test_redirects_end():
    with (
        rest_client(redirecting("/again"), follow_redirects=True) as client,
        pytest.raises(ServingError, match="more than 5 times"),
    ):
        client.summarize(["x"])
    with (
        rest_client(redirecting("/again", 302), follow_redirects=True) as client,
        pytest.raises(ServingError, match="makes a GET of a POST"),
    ):
        client.summarize(["x"])
    with pytest.raises(ValueError, match="gRPC has no redirects"):
        Client("x:1", follow_redirects=True)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_no_proxy_of_the_environment_is_used(scheme, monkeypatch, tmp_path):
    with eavesdropper() as (proxy, heard):
        for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy}")
            monkeypatch.setenv(name.upper(), f"http://{proxy}")
        for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        own = []

        def talk(connection):
            own.append(connection.recv(2**16))

        with tcp_server(talk) as address, Client(f"{scheme}{address}", timeout=2) as client:
            tried(lambda: client.summarize(["x"]))
    assert heard == []
    assert own
    assert b"uthorization" not in own[0]


# Secrets


@pytest.fixture
def log():
    """All that is logged, of every library, at the lowest level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(1)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


def echo(connection):
    """Sends all that it was sent back, as an error."""
    while True:
        head, _ = request_of(connection)
        error = {"error": head.decode() + " told back"}
        connection.sendall(http(json.dumps(error).encode(), 500))


@pytest.mark.parametrize(
    "talk",
    [
        echo,
        answering(http(f"<html> {SECRET}".encode())),
        answering(http(b"", 307, [f"Location: http://u:{SECRET}@x/?{SECRET}"])),
        answering(f"HTTP/1.1 {SECRET}\r\n\r\n".encode()),
        answering(HEAD := hostile_servers.HEAD, f"Content-Length: {SECRET},2\r\n\r\n".encode()),
        answering(HEAD, f"Transfer-Encoding: chunked\r\n\r\n{SECRET}\r\n".encode()),
        lambda connection: None,
        ENDLESS_HTTP["no answer"],
    ],
)
def test_secrets_are_in_no_message_of_rest(talk, log):
    with tcp_server(talk) as address:
        for prefix, headers in (
            ("", {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET}),
            (f"me:{SECRET}@", {}),
        ):
            with Client(
                f"http://{prefix}{address}", timeout=0.5, retries=1, headers=headers
            ) as client:
                error, _ = tried(lambda client=client: client.summarize(["x"]))
                assert SECRET not in written(error) + repr(client) + repr(client._transport)
                assert "bWU6czNjcjN0" not in written(error)
    assert SECRET not in log()


def test_credentials_of_the_address_are_sent():
    heard = []

    def talk(connection):
        heard.append(request_of(connection)[0])
        connection.sendall(http(GOOD))

    with tcp_server(talk) as address, Client(f"http://me:p%40ss@{address}") as client:
        client.summarize(["x"])
    assert b"Authorization: Basic bWU6cEBzcw==" in heard[0]
    assert b"p%40ss" not in heard[0].split(b"\r\n")[0]


def test_secrets_are_in_no_message_of_grpc(log):
    grpc = pytest.importorskip("grpc")

    class Echo(grpc.GenericRpcHandler):
        def service(self, details):
            def answer(request, context):
                told = " ".join(f"{k}={v}" for k, v in context.invocation_metadata())
                context.set_trailing_metadata((("told", told.replace("\n", " ")),))
                context.abort(grpc.StatusCode.INTERNAL, told)

            return grpc.unary_unary_rpc_method_handler(answer)

    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(2), handlers=(Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    headers = {"Authorization": f"Bearer {SECRET}", "x-key-bin": SECRET.encode()}
    try:
        with Client(f"127.0.0.1:{port}", headers=headers) as client:
            error, _ = tried(lambda: client.summarize(["x"]))
            assert "authorization=***" in str(error)
            assert SECRET not in written(error) + repr(client) + repr(client._transport)
    finally:
        server.stop(None).wait()
    assert SECRET not in log()


@pytest.mark.parametrize("transport", [GrpcTransport, RestTransport])
@pytest.mark.parametrize("character", ["\n", "\r\nX: y", "\x00", "日"])
def test_headers_that_cannot_be_sent(transport, character):
    address = "x:1" if transport is GrpcTransport else "http://x:1"
    for headers in ({"X-Key": SECRET + character}, {"X-Key" + character: SECRET}):
        with pytest.raises(ValueError, match="headers") as caught:
            transport(address, "m", headers=headers)
        assert SECRET not in written(caught.value)
    with pytest.raises(TypeError, match="must be a str") as caught:
        transport(address, "m", headers={"X-Key": SECRET.encode()})
    assert SECRET not in written(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        f"me:{SECRET}@host:1",
        f"http://me:{SECRET}@host:banana",
        f"http://me:{SECRET}/x@host",
        f"http://host/?key={SECRET}",
        f"http://host/#{SECRET}",
        f"ftp://me:{SECRET}@host:1",
    ],
)
def test_addresses_that_are_none_show_no_secrets(address):
    with pytest.raises(ValueError, match="address='") as caught:
        Client(address)
    assert SECRET not in written(caught.value)
