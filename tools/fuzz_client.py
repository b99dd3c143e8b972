"""Feeds damaged answers of both protocols to the client, through servers on the loopback.

    python tools/fuzz_client.py --count 2000
    python tools/fuzz_client.py --seconds 3600

Good answers are changed where their sense is: tensors' types, shapes and values, JSON's values
and nesting, HTTP's status, headers and chunks; and their bytes anywhere. A call may return, or
raise `ServingError`, `ConnectionError`, `TimeoutError` or `ValueError`, each with a message;
anything else is a failure: another exception, more time than the deadline, or gigabytes of memory.
"""

import contextlib
import copy
import json
import random
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import fuzzing
import grpc

from tf_pegasus.serving import Client, ServingError, protos

EXPECTED = (ServingError, ConnectionError, TimeoutError, ValueError)
TIMEOUT = 1.0
# Beside the deadline: a busy machine, and parsing what came in time.
SLACK = 2.0
MEMORY_MIB = 600
FUZZED = ("grpc", "rest")
OUTPUTS = {
    "summary": ["A fox."],
    "score": [-1.5],
    "truncated": [False],
    "summaries": [["a", "b"]],
    "scores": [[-1.0, -2.0]],
    "log_probability": [-3.0],
    "states": [[0.5, 1.5, 2.5]],
}
VERSIONS = [{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK"}}]
CALLS = {
    "summarize": lambda client: client.summarize(["x"]),
    "summarize_n": lambda client: client.summarize_n(["x"]),
    "score": lambda client: client.score(["x"], ["y"]),
    "encode": lambda client: client.encode(["x"]),
    "states": lambda client: client.states(),
}


def varint(number):
    """A number as protocol buffers write it."""
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


def damaged_bytes(content, source):
    """Bytes with a few of them changed, left out or put in."""
    content = bytearray(content)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(content) + 1)
        kind = source.randrange(4)
        if kind == 0:
            del content[place : place + source.randint(1, 16)]
        elif kind == 1:
            content[place:place] = source.randbytes(source.randint(1, 8))
        elif kind == 2:
            content[place : place + 1] = source.choice((b"\x00", b"\xff", b"\x7f", b"\x80"))
        elif content:
            content[place % len(content)] ^= 1 << source.randrange(8)
    return bytes(content)


# gRPC


def good_message(call):
    """What a server answers to a call: a message."""
    if call == "states":
        answer = protos.GetModelStatusResponse()
        answer.model_version_status.add(version=1, state=30)
        return answer
    answer = protos.PredictResponse()
    for name, values in OUTPUTS.items():
        tensor = answer.outputs[name]
        row, rank = (values[0], 2) if isinstance(values[0], list) else (values, 1)
        kind, field = {str: (7, "string_val"), float: (1, "float_val"), bool: (10, "bool_val")}[
            type(row[0])
        ]
        tensor.dtype = kind
        for size in (1, len(row)) if rank == 2 else (len(row),):
            tensor.tensor_shape.dim.add(size=size)
        getattr(tensor, field).extend([v.encode() if kind == 7 else v for v in row])
    return answer


def damaged_message(call, source):
    """Bytes of an answer that is not quite right."""
    answer = good_message(call)
    if call != "states":
        for _ in range(source.randint(0, 3)):
            _damage_tensor(answer, source)
    else:
        for _ in range(source.randint(0, 2)):
            status = answer.model_version_status.add()
            status.version = source.choice((-1, 0, 2**62, 1))
            status.state = source.choice((0, 7, -5, 2**30))
    content = answer.SerializeToString()
    return damaged_bytes(content, source) if source.random() < 0.4 else content


def _damage_tensor(answer, source):
    name = source.choice(sorted(answer.outputs) or [""])
    tensor = answer.outputs[name]
    sizes = (0, -1, 1, 2, 2**24, 2**30, 2**31, 2**62, -(2**63))
    kind = source.randrange(9)
    if kind == 0:
        tensor.dtype = source.choice((0, 1, 2, 3, 7, 8, 9, 10, 14, 101, 2**30, -1))
    elif kind == 1 and tensor.tensor_shape.dim:
        source.choice(tensor.tensor_shape.dim).size = source.choice(sizes)
    elif kind == 2:
        for _ in range(source.choice((1, 2, 7, 64, 65, 300))):
            tensor.tensor_shape.dim.add(size=source.choice((1, 1, 1, *sizes)))
    elif kind == 3:
        tensor.tensor_shape.unknown_rank = True
    elif kind == 4:
        field = source.choice(("string_val", "float_val", "bool_val"))
        tensor.ClearField(field)
    elif kind == 5:
        tensor.float_val.extend([float("nan")] * source.randint(1, 50))
    elif kind == 6:
        tensor.string_val.extend([source.randbytes(source.choice((0, 3, 10**5)))])
    elif kind == 7:
        tensor.tensor_content = source.randbytes(source.choice((1, 4, 8, 4096)))
    else:
        del answer.outputs[name]


@contextlib.contextmanager
def grpc_answers(content_of):
    """Yields the address of a server that answers every call with `content_of()`."""

    class Answers(grpc.GenericRpcHandler):
        def service(self, details):
            def answer(request, context):
                content = content_of()
                if isinstance(content, grpc.StatusCode):
                    context.abort(content, "told \x1b[31m to\n fail")
                return content

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(ThreadPoolExecutor(4), handlers=(Answers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


# REST


def damaged_http(call, source):
    """Bytes of a whole answer of HTTP that is not quite right."""
    answer = copy.deepcopy(
        {"model_version_status": VERSIONS} if call == "states" else {"outputs": OUTPUTS}
    )
    for _ in range(source.randint(0, 3)):
        answer = _damaged_json(answer, source)
    body = json.dumps(answer).encode()
    if source.random() < 0.2:
        body = damaged_bytes(body, source)
    if source.random() < 0.05:
        body = source.choice((b"[" * 10**5, b'{"outputs":' * 10**4, b"1" * 5000, b'"\\ud800"'))
    status = source.choice((*[200] * 12, 100, 204, 301, 307, 400, 404, 429, 500, 503, 504, 999, -1))
    head = [f"HTTP/1.1 {status} Said"]
    if source.random() < 0.3:
        size = source.choice((1, 7, 4096))
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        head.append("Transfer-Encoding: chunked")
    else:
        head.append(f"Content-Length: {len(body) + source.choice((0,) * 12 + (-1, 5))}")
    for _ in range(source.choice((0, 0, 0, 1, 2))):
        head.append(
            source.choice(
                (
                    "Location: file:///etc/passwd",
                    "Location: http://[",
                    "Location: //:99999999",
                    "Content-Encoding: gzip",
                    "Content-Length: -5",
                    "Content-Length: 1,2",
                    "Transfer-Encoding: chunked",
                    "Set-Cookie: a=b",
                    "X: " + "y" * 70000,
                    "\x00: \x01",
                    " folded",
                    "Connection: close",
                )
            )
        )
    content = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
    return damaged_bytes(content, source) if source.random() < 0.2 else content


def _damaged_json(value, source):
    """A value in which one value, at any depth, is another."""
    if isinstance(value, (dict, list)) and value and source.random() < 0.8:
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        key = source.choice(keys)
        if source.random() < 0.1:
            del value[key]
        elif isinstance(value, list) and source.random() < 0.2:
            value.append(copy.deepcopy(value[key]))
        else:
            value[key] = _damaged_json(value[key], source)
        return value
    return source.choice(
        (
            None,
            True,
            0,
            -1,
            2**63,
            10**30,
            1.5,
            float("nan"),
            float("inf"),
            "",
            "x",
            "\ud800",
            "y" * 10**5,
            [],
            [[]],
            {},
            [1, "a"],
            [[1], [2, 3]],
            {"b64": "eA=="},
            {"outputs": {}},
            [[[[[[[[[[1]]]]]]]]]],
        )
    )


@contextlib.contextmanager
def http_answers(content_of):
    """Yields the address of a server that answers every request with the bytes `content_of()`,
    and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # A client that has had enough resets the connection.
            with connection, contextlib.suppress(OSError):
                connection.settimeout(TIMEOUT)
                received = b""
                while b"\r\n\r\n" not in received:
                    received += connection.recv(2**16) or b"\r\n\r\n"
                head, _, body = received.partition(b"\r\n\r\n")
                _, found, rest = head.lower().partition(b"content-length:")
                missing = int(rest.split()[0]) - len(body) if found else 0
                while missing > 0:
                    missing -= len(connection.recv(2**16)) or missing
                connection.sendall(content_of())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def cases(protocol, source):
    """Yields calls with what a server of this protocol answers: bytes, or gRPC's status."""
    while True:
        call = source.choice(sorted(CALLS))
        if protocol == "rest":
            answer = damaged_http(call, source)
        elif source.random() < 0.05:
            answer = source.choice(list(grpc.StatusCode)[1:])
        else:
            answer = damaged_message(call, source)
        yield protocol, f"{call}: {answer!r:.300}", (call, answer)


def fuzz(protocol, count=None, seconds=None, seed=0, report=None):
    """Has the client read damaged answers of `"grpc"` or `"rest"`; see `fuzzing.loop`."""
    current = [b""]
    serve = grpc_answers if protocol == "grpc" else http_answers
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with (
        serve(lambda: current[0]) as address,
        Client(address, timeout=TIMEOUT, retries=0, follow_redirects=protocol == "rest") as client,
    ):

        def outcome(case):
            call, current[0] = case
            return _outcome(client, call, before)

        source = cases(protocol, random.Random(f"{protocol} {seed}"))
        return fuzzing.loop(source, outcome, count, seconds, report)


def _outcome(client, call, before):
    start = time.monotonic()
    try:
        CALLS[call](client)
        outcome = "answer"
    except EXPECTED as error:
        # `UnicodeError` and the like of our own would be bugs.
        name = next(kind.__name__ for kind in EXPECTED if isinstance(error, kind))
        is_own = type(error) in EXPECTED or isinstance(error, ConnectionError)
        outcome = name if str(error) and is_own else f"FAILURE: {error!r:.300}"
    except BaseException as error:
        outcome = f"FAILURE: {error!r:.300}"
    took = time.monotonic() - start
    if took > TIMEOUT + SLACK:
        return f"FAILURE: it took {took:.1f} s"
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - before
    return f"FAILURE: {used} MiB" if used > MEMORY_MIB else outcome


def main():
    arguments = fuzzing.parse(fuzzing.argument_parser(__doc__))
    # Half of the cases, or of the time, for each protocol.
    count, seconds = (
        None if limit is None else limit / len(FUZZED)
        for limit in (arguments.count, arguments.seconds)
    )
    count = None if count is None else round(count)
    results = [fuzz(name, count, seconds, arguments.seed, print) for name in FUZZED]
    counts = {kind: counter for found, _ in results for kind, counter in found.items()}
    fuzzing.finish(counts, [failure for _, failures in results for failure in failures])


if __name__ == "__main__":
    main()
