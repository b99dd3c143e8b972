"""Servers on the loopback that do not end by themselves: they send until the client has gone."""

import itertools
import select
import socket
import struct
import threading
import time
from contextlib import contextmanager

DRIP = 0.01


@contextmanager
def tcp_server(talk):
    """Yields `"127.0.0.1:port"` of a server that calls `talk(connection)` for each connection,
    in a thread of its own, until it returns or the client has gone."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    connections, threads, is_over = [], [], threading.Event()

    def serve(connection):
        with connection:
            try:
                talk(connection)
            except OSError:
                # The client has gone, which is what ends most talks.
                return

    def accept():
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        # Closing alone wakes nobody up.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in threads:
            thread.join()


def request_of(connection):
    """Reads a request of HTTP/1.1 whole: its head, and its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += _some(connection)
    return head, body


def answering(*parts):
    """A talk that reads a request and sends each of `parts`: bytes, or an iterable of bytes, for
    each of which it waits a little."""

    def talk(connection):
        while True:
            request_of(connection)
            for part in parts:
                if isinstance(part, bytes):
                    connection.sendall(part)
                    continue
                for piece in part():
                    connection.sendall(piece)
                    time.sleep(DRIP)

    return talk


def endless(piece):
    """An iterable that never ends, for `answering`."""
    return lambda: itertools.repeat(piece)


def flood(piece):
    """A talk that reads a request and sends bytes as fast as they are taken, for ever."""

    def talk(connection):
        request_of(connection)
        while True:
            connection.sendall(piece)

    return talk


def http(body, status=200, headers=()):
    """An answer of HTTP/1.1."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# What never ends, of HTTP.
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS_HTTP = {
    "no answer": answering(endless(b"")),
    "dripped status line": answering(endless(b"H")),
    "dripped header": answering(HEAD + b"X: ", endless(b"a")),
    "dripped headers": answering(HEAD, endless(b"X: a\r\n")),
    "dripped body": answering(HEAD + b"Content-Length: 100000\r\n\r\n", endless(b"a")),
    "dripped body without length": answering(HEAD + b"\r\n", endless(b" ")),
    "dripped chunk line": answering(CHUNKED, endless(b"0")),
    "dripped chunk extension": answering(CHUNKED + b"1;", endless(b"x")),
    "dripped chunks": answering(CHUNKED, endless(b"1\r\na\r\n")),
    "dripped trailers": answering(CHUNKED + b"0\r\n", endless(b"X: a\r\n")),
    "dripped 100-Continue": answering(endless(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "flood of 100-Continue": flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "never read": lambda connection: _until_gone(connection),
}


def _until_gone(connection):
    """Waits for the client to go, and reads nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    poll.poll()


def _some(connection):
    received = connection.recv(2**16)
    if not received:
        raise ConnectionResetError("the client has gone")
    return received


def frame(kind, flags, stream, payload=b""):
    """A frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


SETTINGS, SETTINGS_ACK = frame(4, 0, 0), frame(4, 1, 0)


def _literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


# `:status: 200` is the static table's 8th entry.
GRPC_HEADERS = frame(1, 4, 1, b"\x88" + _literal(b"content-type", b"application/grpc"))


def http2(*parts):
    """A talk that sends each of `parts` after the client's first bytes: see `answering`."""

    def talk(connection):
        connection.recv(2**16)
        for part in parts:
            if isinstance(part, bytes):
                connection.sendall(part)
                continue
            for piece in part():
                connection.sendall(piece)
                time.sleep(DRIP)

    return talk


ENDLESS_GRPC = {
    "no answer": lambda connection: _until_gone(connection),
    "dripped settings": http2(SETTINGS[:5], endless(b"")),
    "settings only": http2(SETTINGS + SETTINGS_ACK, endless(b"")),
    "pings": http2(SETTINGS + SETTINGS_ACK, endless(frame(6, 0, 0, b"12345678"))),
    "dripped headers": http2(SETTINGS + SETTINGS_ACK + GRPC_HEADERS[:12], endless(b"")),
    "headers only": http2(SETTINGS + SETTINGS_ACK + GRPC_HEADERS, endless(b"")),
    "dripped message": http2(
        SETTINGS + SETTINGS_ACK + GRPC_HEADERS + frame(0, 0, 1, struct.pack(">BI", 0, 2**20)),
        endless(frame(0, 0, 1, b"a")),
    ),
    "empty data": http2(SETTINGS + SETTINGS_ACK + GRPC_HEADERS, endless(frame(0, 0, 1))),
}
