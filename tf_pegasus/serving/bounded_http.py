"""HTTP connections with a deadline and a maximum size for a whole call.

urllib3's timeouts apply to single operations and restart with each byte received. Here each
operation on a socket (name resolution, connecting, TLS, sending, headers and body) gets the time
that is left of the whole call.
"""

import os
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from tf_pegasus.serving.errors import ServingError

# Sockets refuse more.
_LONGEST = 10.0**8
_allowance: ContextVar["Allowance"] = ContextVar("allowance")


class Allowance:
    """The time and bytes that one call may use.

    Args:
        seconds: float.
        size: int, bytes that the server may send, including headers.
    """

    def __init__(self, seconds, size):
        self._deadline = time.monotonic() + seconds
        self._size = self._left = size

    def seconds(self):
        """Returns the seconds that are left.

        Raises:
            TimeoutError: if none are left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return min(left, _LONGEST)

    def is_over(self):
        """Returns whether no time is left."""
        return time.monotonic() >= self._deadline

    def take(self, count):
        """Counts received bytes.

        Raises:
            ServingError: if they exceed the size.
        """
        self._left -= count
        if self._left < 0:
            raise ServingError(f"the answer is longer than {self._size} bytes")

    @contextmanager
    def applied(self):
        """Applies to all connections that this thread uses within the block."""
        token = _allowance.set(self)
        try:
            yield
        finally:
            _allowance.reset(token)


def _received(receive, sock, *arguments):
    allowance = _allowance.get()
    sock.settimeout(allowance.seconds())
    count = receive(*arguments)
    allowance.take(count)
    return count


class _Socket(socket.socket):
    def recv_into(self, *arguments):
        return _received(super().recv_into, self, *arguments)

    def sendall(self, *arguments):
        self.settimeout(_allowance.get().seconds())
        return super().sendall(*arguments)


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, *arguments):
        return _received(super().recv_into, self, *arguments)

    # `sendall` calls it for each piece.
    def send(self, *arguments):
        self.settimeout(_allowance.get().seconds())
        return super().send(*arguments)


class _Lookups:
    """Name resolution that can be waited for as long as there is time.

    The system's cannot be interrupted: it runs in a thread, and calls for the same name share one
    until it has ended.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], Future] = {}

    def addresses(self, host, port):
        """See `socket.getaddrinfo`.

        Raises:
            OSError: the name is not known. TimeoutError: it is not in time.
        """
        key = host, port
        with self._lock:
            future = self._pending.get(key)
            if future is None:
                future = self._pending[key] = Future()
                # A daemon: it must not keep the process from ending.
                threading.Thread(
                    target=self._look_up, args=(key, future), name="tf_pegasus_dns", daemon=True
                ).start()
        return future.result(_allowance.get().seconds())

    def _look_up(self, key, future):
        try:
            found = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failure, found = OSError(str(error)), None
        with self._lock:
            del self._pending[key]
        if found is None:
            future.set_exception(failure)
        else:
            future.set_result(found)


_lookups = _Lookups()


def _connected(connection):
    """A connected socket for one of urllib3's connections."""
    allowance = _allowance.get()
    try:
        addresses = _lookups.addresses(connection.host.strip("[]"), connection.port)
    except TimeoutError:
        raise
    except OSError as error:
        raise NewConnectionError(connection, f"the name cannot be resolved: {error}") from error
    failure: OSError = OSError("the name has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = _Socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The others need time as well.
            sock.settimeout(allowance.seconds() / (len(addresses) - tried))
            sock.connect(address)
            # A TLS handshake comes next, in one step.
            sock.settimeout(allowance.seconds())
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise NewConnectionError(connection, str(failure)) from failure


class _Connection(HTTPConnection):
    def _new_conn(self):
        return _connected(self)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self):
        return _connected(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def connection_pool(scheme, host, port, size):
    """A pool of connections to one origin, for use inside `Allowance.applied`.

    Args:
        scheme: str, `"http"` or `"https"`.
        host: str. port: int.
        size: int, idle connections that are kept.
    """
    if scheme == "http":
        return _Pool(host, port, maxsize=size, retries=False)
    context = ssl.create_default_context()
    # The system may have none; where an operator says which to trust, no others.
    if not os.environ.get("SSL_CERT_FILE") and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(certifi.where())
    context.sslsocket_class = _TlsSocket
    return _TlsPool(host, port, maxsize=size, retries=False, ssl_context=context)
