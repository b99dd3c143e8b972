import json
import time

import pytest
from helpers.serving_server import MODEL, Model, grpc_server, rest_server
from helpers.tiny import SENTENCES

from tf_pegasus.cli.main import main
from tf_pegasus.serving import ServedModel


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


def test_lines_and_files(address, served, tmp_path, capsys):
    file = tmp_path / "texts"
    file.write_text("\n".join(SENTENCES[:4]))
    arguments = ["client", "--address", address, "--model-name", MODEL]
    assert main([*arguments, "--lines", str(file), "--num-beams", "2"]) == 0
    expected = served.call(text=SENTENCES[:4], num_beams=2)["summary"]
    assert capsys.readouterr().out.splitlines() == [text.decode() for text in expected]
    long = tmp_path / "long"
    long.write_text(" ".join(SENTENCES))
    assert main([*arguments, str(long), str(long), str(file)]) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "3 documents were too long" in error
    assert "the server read only the beginning" in error
    assert main([*arguments[:-1], "other", str(long)]) == 1
    assert "Servable not found" in capsys.readouterr().err


def test_invalid_documents_and_windows(model, served, tmp_path, capsys):
    texts = [*SENTENCES, *SENTENCES]
    lines = [json.dumps({"document": text}) for text in texts]
    lines[3:3] = ["{}"]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    with grpc_server(model) as address:
        arguments = ["client", "--address", address, "--model-name", MODEL, "--batch-size", "2"]
        code = main([*arguments, "--jsonl", str(tmp_path / "in.jsonl")])
    captured = capsys.readouterr()
    results = [json.loads(line) for line in captured.out.splitlines()]
    error, warning = captured.err.splitlines()
    assert (code, "in.jsonl, line 4: must be a JSON object" in error) == (1, True)
    assert warning.startswith("tf-pegasus: warning: ")
    assert results[3]["score"] is None
    expected = [summary.decode() for summary in served.call(text=texts)["summary"]]
    assert [r["summary"] for r in results if r["score"] is not None] == expected
    assert len(model.requests) == 9


def test_text_too_long_to_send(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tf_pegasus.serving.client.MAX_SENT_BYTES", 20)
    (tmp_path / "texts").write_text("A fox.\n" + "fox " * 9 + "\nA fox.\n")
    with grpc_server(model) as address:
        arguments = ["client", "--address", address, "--model-name", MODEL, "--lines"]
        assert main([*arguments, str(tmp_path / "texts")]) == 1
    captured = capsys.readouterr()
    first, second, third = captured.out.splitlines()
    assert (first == third, second) == (True, "")
    assert "texts, line 2: the text has more than 20 bytes" in captured.err


@pytest.mark.parametrize("address", ["localhost:banana", "http://localhost:banana", "localhost"])
def test_invalid_addresses_fail_at_once(address, tmp_path, capsys):
    (tmp_path / "text").write_text("A fox.")
    started = time.monotonic()
    assert main(["client", "--address", address, str(tmp_path / "text")]) == 1
    assert time.monotonic() - started < 2
    error = capsys.readouterr().err
    assert error.startswith(f"tf-pegasus: error: address='{address}' must be ")
    assert error.count("\n") == 1


def test_no_tensorflow(model, process, tmp_path):
    (tmp_path / "text").write_text("A fox.")
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tensorflow_serving'): sys.modules[name] = None\n"
        "from tf_pegasus.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    with grpc_server(model) as address:
        done = process(
            *("client", "--address", address, "--model-name", MODEL, tmp_path / "text"), code=code
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == model.served.call(text=["A fox."])["summary"][0].decode()
