import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.serving_server import MODEL, Model, grpc_server, rest_server
from helpers.tiny import SENTENCES

from tf_pegasus.serving import Client, ServedModel, ServingError
from tf_pegasus.serving import client as client_module

TEXTS = [*SENTENCES, "", "Fox \x00 日本.", " ".join(SENTENCES)]


@pytest.fixture(scope="module")
def served(served_directory):
    return ServedModel(served_directory)


@pytest.fixture
def model(served):
    return Model(served)


@pytest.fixture(params=["grpc", "rest"])
def address(request, model):
    with (grpc_server if request.param == "grpc" else rest_server)(model) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address, MODEL, timeout=30, batch_size=3, concurrency=2) as client:
        yield client


def test_batches_are_split_and_order_is_kept(client, model, served):
    summaries = client.summarize(TEXTS)
    assert sorted(model.requests, reverse=True) == [("serving_default", 3)] * 3 + [
        ("serving_default", 2)
    ]
    expected = served.call(text=TEXTS)
    assert [s.text for s in summaries] == [text.decode() for text in expected["summary"]]
    assert [s.truncated for s in summaries] == expected["truncated"].tolist()
    np.testing.assert_allclose([s.score for s in summaries], expected["score"], atol=1e-5)
    assert len({s.text for s in summaries}) > 3
    assert client.summarize([]) == []


def test_every_signature(client, served):
    best = client.summarize_n(TEXTS[:4], num_beams=2)
    expected = served.call("summarize_n", text=TEXTS[:4], num_beams=2)
    assert [[s.text for s in row] for row in best] == [
        [text.decode() for text in row] for row in expected["summaries"]
    ]
    one = client.summarize(TEXTS[:4], "serving_default_xla", num_beams=2, max_length=6)
    again = served.call(text=TEXTS[:4], num_beams=2, max_length=6)
    assert [s.text for s in one] == [text.decode() for text in again["summary"]]
    scores = client.score(TEXTS[:4], ["fox"] * 4)
    expected = served.call("score", document=TEXTS[:4], summary=["fox"] * 4)
    np.testing.assert_allclose(scores, expected["log_probability"], rtol=1e-5)
    states = client.encode(TEXTS[:4])
    np.testing.assert_allclose(states, served.call("encode", text=TEXTS[:4])["states"], atol=1e-6)
    ids = np.array([[105, 120, 1]] * 4)
    outputs = client.predict("generate_ids", {"input_ids": ids, "attention_mask": ids * 0 + 1})
    assert outputs["sequences"].shape == (4, 12)
    assert outputs["valid"].tolist() == [True] * 4
    assert client.states() == {1: "AVAILABLE"}


def test_unavailable_is_retried_with_random_waits(client, model, monkeypatch):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    model.faults.extend(["unavailable"] * 4)
    assert client.summarize(TEXTS[:1])[0].text
    assert len(model.headers) == 5
    assert len(waits) == 4
    assert len(set(waits)) == 4  # jitter
    model.faults.extend(["unavailable"] * 6)
    with pytest.raises(ConnectionError, match="told to be unavailable"):
        client.summarize(TEXTS[:1])
    assert len(model.headers) == 5 + 6


@pytest.mark.parametrize("fault", ["internal", "exhausted"])
def test_other_errors_are_not_retried(client, model, fault):
    model.faults.append(fault)
    with pytest.raises(ServingError, match=f"told to be {fault}"):
        client.summarize(TEXTS[:1])
    assert len(model.headers) == 1


def test_rejected_requests(client, model, address):
    with pytest.raises(ValueError, match=r"(?s)refuses the request.*num_beams must be between"):
        client.summarize(TEXTS[:1], num_beams=9)
    with pytest.raises(ValueError, match="refuses the request"):
        client.predict("nothing", {"text": TEXTS[:1]})
    with (
        Client(address, "another") as other,
        pytest.raises(ValueError, match="Servable not found"),
    ):
        other.summarize(TEXTS[:1])
    assert len(model.headers) == 3


def test_incomplete_answers(client, model):
    for fault, message in (
        ("short", r"has the shape \(0,\) for 1 rows"),
        ("missing", "the answer has no score, only"),
        ("garbled", "an invalid tensor"),
    ):
        model.faults.append(fault)
        with pytest.raises(ServingError, match=message):
            client.summarize(TEXTS[:1])


def test_incomplete_http_answers(model):
    with rest_server(model) as address, Client(address, MODEL) as client:
        for fault, message in (("cut", "ends too soon"), ("not json", "not a JSON object: <html>")):
            model.faults.append(fault)
            with pytest.raises(ServingError, match=message):
                client.summarize(TEXTS[:1])
        # Each byte arrives in time, the last one would not.
        model.faults.append("trickle")
        with Client(address, MODEL, timeout=1.0) as hurried, pytest.raises(TimeoutError):
            hurried.summarize(TEXTS[:1])
        assert len(model.headers) == 3
        assert client.summarize(TEXTS[:1])[0].text


def test_deadlines(address, model, served):
    served.call(text=TEXTS[:1])
    with Client(address, MODEL, timeout=0.5) as client:
        model.faults.append("slow")
        start = time.monotonic()
        with pytest.raises(TimeoutError, match="no answer within"):
            client.summarize(TEXTS[:1])
        # Retries count towards the deadline.
        model.faults.extend(["unavailable"] * 100)
        with pytest.raises((ConnectionError, TimeoutError)):
            client.summarize(TEXTS[:1])
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_no_server(scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
    with (
        Client(address, MODEL, retries=1, timeout=10) as client,
        pytest.raises(ConnectionError, match=r"not available|cannot be reached"),
    ):
        client.summarize(["x"])


def test_headers_and_versions(address, model):
    with Client(address, MODEL, version=1, headers={"Authorization": "Bearer x"}) as client:
        client.summarize(["x"])
    assert model.headers[0]["authorization"] == "Bearer x"


def test_invalid_arguments():
    for options, message in (
        ({"retries": -1}, "retries=-1"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"address": "http://x", "credentials": object()}, "credentials are for gRPC"),
    ):
        with pytest.raises(ValueError, match=message):
            Client(**{"address": "127.0.0.1:1", **options})
    with Client("127.0.0.1:1", max_text_bytes=5) as client:
        with pytest.raises(ValueError, match=r"text\[1\] has 6 bytes, more than max_text_bytes=5"):
            client.summarize(["x", "ä" * 3])
        with pytest.raises(TypeError, match=r"text\[0\] must be a str, got bytes"):
            client.summarize([b"x"])
        with pytest.raises(TypeError, match="text must be a list of str"):
            client.summarize("x")
        with pytest.raises(TypeError, match="unknown option 'beams'"):
            client.summarize(["x"], beams=2)
        with pytest.raises(ValueError, match="different numbers of rows"):
            client.score(["x"], ["y", "z"])
        with pytest.raises(ValueError, match="there are no rows"):
            client.encode([])


def test_missing_extra_is_named(monkeypatch):
    def missing(module, extra):
        raise ImportError(f"it comes with: pip install 'tf-pegasus[{extra}]'")

    monkeypatch.setattr(client_module, "require", missing)
    with pytest.raises(ImportError, match=r"tf-pegasus\[serving\]"):
        Client()


@pytest.mark.parametrize(
    "address",
    ["localhost:banana", "localhost", ":8500", "localhost:0", "localhost:65536", "a b:1", "x:1/y"],
)
def test_invalid_grpc_addresses(address):
    with pytest.raises(ValueError, match=f"address='{address}' must be 'host:port'"):
        Client(address)


@pytest.mark.parametrize("address", ["http://x:banana", "http://", "https:x", "http://x:65536"])
def test_invalid_rest_addresses(address):
    with pytest.raises(ValueError, match=f"address='{address}' must be 'http://host:port'"):
        Client(address)


@pytest.mark.parametrize(
    "address",
    ["localhost:8500", "10.0.0.1:1", "[::1]:8500", "dns:///a.b:8500", "unix:/x", "https://x/y"],
)
def test_valid_addresses(address):
    Client(address).close()


def test_import_needs_no_extra():
    names = ("tensorflow_serving", "tenacity", "grpc", "urllib3", "apache_beam")
    code = (
        "import sys\n"
        f"for name in {names}: sys.modules[name] = None\n"
        "import tf_pegasus.serving.client, tf_pegasus.cli.main\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_client_works_without_tensorflow(model):
    with grpc_server(model) as grpc_address, rest_server(model) as rest_address:
        code = (
            "import sys\n"
            "for name in ('tensorflow', 'keras', 'tensorflow_serving'): sys.modules[name] = None\n"
            "from tf_pegasus.serving import Client\n"
            "for address in sys.argv[1:]:\n"
            f"    with Client(address, {MODEL!r}) as client:\n"
            "        print(client.summarize(['A fox.'])[0].text, client.states())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, grpc_address, rest_address],
            check=True,
            capture_output=True,
            text=True,
        )
    summary = model.served.call(text=["A fox."])["summary"][0].decode()
    assert done.stdout == f"{summary} {{1: 'AVAILABLE'}}\n" * 2
