import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from helpers.tiny import GOLDENS
from helpers.weights import assert_same_weights

from tf_pegasus import (
    GenerationConfig,
    PegasusConfig,
    PegasusTokenizer,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.utils.hub import HubOptions, _Wanted

ORIGINAL = GOLDENS / "tiny-original"
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


class _Hub(BaseHTTPRequestHandler):
    """A minimal server of the hub's API for one repository, `owner/tiny`."""

    directory, requests, sent, commit = None, [], [], "0123456789abcdef0123456789abcdef01234567"

    def _answer(self, send_body):
        self.requests.append((self.path, self.headers.get("authorization")))
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[2:4] == ["owner", "tiny"]:
            revision = parts[5] if len(parts) > 5 else "main"
            if revision not in ("main", "v1", self.commit):
                return self._fail("RevisionNotFound")
            files = sorted(self.directory.iterdir())
            answer = {"id": "owner/tiny", "sha": self.commit}
            answer["siblings"] = [{"rfilename": path.name} for path in files]
            if "tree" in parts:
                answer = [
                    {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": p.name}
                    for p in files
                ]
            body = json.dumps(answer).encode()
        elif parts[:2] == ["owner", "tiny"] and (self.directory / parts[-1]).is_file():
            body = (self.directory / parts[-1]).read_bytes()
        else:
            return self._fail("RepoNotFound")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{parts[-1]}-{len(body)}"')
        self.end_headers()
        if send_body:
            self.sent.append(self.path)
            self.wfile.write(body)

    def _fail(self, code):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self._answer(True)

    def do_HEAD(self):
        self._answer(False)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path, model_directory, monkeypatch):
    """A hub on this machine, and a separate cache."""
    from huggingface_hub import constants, hf_api

    files = tmp_path / "repository"
    shutil.copytree(model_directory, files)
    for name in ("pytorch_model.bin", "tf_model.h5", "run.py"):
        (files / name).write_bytes(b"not to be fetched")
    _Hub.directory, _Hub.requests, _Hub.sent = files, [], []
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(hf_api.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    yield {"cache_dir": tmp_path / "cache"}
    server.shutdown()
    server.server_close()


def test_name_is_downloaded_from_the_hub(hub, summarizer):
    model = TFPegasusForConditionalGeneration.from_pretrained(
        "owner/tiny", revision="v1", token="hf_secret", **hub
    )
    assert_same_weights(summarizer.model, model)
    fetched = {path.split("/")[-1] for path, _ in _Hub.requests}
    assert "model.safetensors" in fetched
    # The same weights in other formats, and code, are not downloaded.
    assert not fetched & {"pytorch_model.bin", "tf_model.h5", "run.py"}
    assert any("/v1" in path for path, _ in _Hub.requests)
    asked = {token for path, token in _Hub.requests if "owner/tiny" in path}
    assert asked == {"Bearer hf_secret"}


def test_the_configuration_is_downloaded_alone(hub, summarizer):
    config = PegasusConfig.from_pretrained("owner/tiny", revision="v1", dropout=0.3, **hub)
    assert config == summarizer.model.config.updated(dropout=0.3)
    fetched = {path.split("/")[-1] for path, _ in _Hub.requests if "resolve" in path}
    assert fetched == {"config.json"}
    options = GenerationConfig.from_pretrained("owner/tiny", **hub)
    assert options.num_beams == summarizer.model.generation_config.num_beams
    with pytest.raises(FileNotFoundError, match="'owner/other' is neither a directory nor"):
        PegasusConfig.from_pretrained("owner/other", **hub)


def test_a_name_without_a_connection(hub, monkeypatch):
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", **hub)
    seen = len(_Hub.requests)
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", local_files_only=True, **hub)
    assert len(_Hub.requests) == seen
    with pytest.raises(FileNotFoundError, match="is not in the cache, and may not be fetched"):
        TFPegasusModel.from_pretrained("owner/other", local_files_only=True, **hub)
    # No server answers there, but files that were downloaded before are found.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", **hub)
    with pytest.raises(FileNotFoundError, match="the hub cannot be reached"):
        TFPegasusModel.from_pretrained("owner/other", **hub)


def test_names_unknown_to_the_hub(hub):
    with pytest.raises(FileNotFoundError, match=r"neither a directory nor a repository"):
        TFPegasusModel.from_pretrained("owner/unknown", **hub)
    with pytest.raises(FileNotFoundError, match="has no revision 'v9'"):
        TFPegasusModel.from_pretrained("owner/tiny", revision="v9", **hub)
    for path in ("/no/such/directory", "./none", "~/none", "a/b/c", "", "name", "what/is this?"):
        with pytest.raises(FileNotFoundError, match="no model directory at"):
            TFPegasusModel.from_pretrained(path, **hub)


def test_hub_requires_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'tf-pegasus\[hub\]'"):
        TFPegasusModel.from_pretrained("google/pegasus-xsum")


def fetched():
    return {path.split("?")[0].split("/")[-1] for path, _ in _Hub.requests}


def test_authors_files_are_downloaded_if_there_are_no_others(hub):
    for path in _Hub.directory.iterdir():
        if path.suffix not in (".json", ".model", ".py"):
            path.unlink()
    for path in ORIGINAL.glob("model.ckpt-*"):
        shutil.copy(path, _Hub.directory)
    (_Hub.directory / "config.json").write_text(json.dumps(HEADS))
    config = TFPegasusModel.from_pretrained("owner/tiny", **hub).config
    assert (config.d_model, config.position_embedding_type) == (24, "original")
    assert {"model.ckpt-1500.index", "model.ckpt-1500.data-00000-of-00001"} <= fetched()
    assert "run.py" not in fetched()
    seen = len(_Hub.requests)
    TFPegasusModel.from_pretrained("owner/tiny", local_files_only=True, **hub)
    assert len(_Hub.requests) == seen


def test_only_allowed_formats_are_downloaded(hub):
    with pytest.raises(ValueError, match=r"pytorch_model\.bin' is damaged"):
        TFPegasusModel.from_pretrained("owner/tiny", use_safetensors=False, **hub)
    assert "model.safetensors" not in fetched()


def test_tokenizer_is_downloaded_without_the_weights(hub, tokenizer):
    found = PegasusTokenizer.from_pretrained("owner/tiny", **hub)
    assert found.encode("the fox") == tokenizer.encode("the fox")
    assert "model.safetensors" not in fetched()


def test_force_download_downloads_files_again(hub):
    TFPegasusModel.from_pretrained("owner/tiny", **hub)
    _Hub.requests.clear()
    TFPegasusModel.from_pretrained("owner/tiny", **hub)
    # Only the metadata of a cached file is requested.
    first = len(_Hub.sent)
    TFPegasusModel.from_pretrained("owner/tiny", force_download=True, **hub)
    assert "model.safetensors" in {path.split("/")[-1] for path in _Hub.sent[first:]}


def test_proxies_are_used_only_for_the_call(hub, monkeypatch):
    from huggingface_hub import constants

    proxy = constants.ENDPOINT
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    # The server, as a proxy, gets requests for full addresses, none of which it knows.
    with pytest.raises(FileNotFoundError, match="neither a directory nor a repository"):
        TFPegasusModel.from_pretrained("owner/tiny", proxies={"http": proxy}, **hub)
    assert _Hub.requests[0][0].startswith("http://hub.invalid/api/models/owner/tiny")
    assert os.environ["HTTP_PROXY"] == "http://127.0.0.1:9"
    assert "http_proxy" not in os.environ
    _Hub.requests.clear()
    with pytest.raises(FileNotFoundError, match="the hub cannot be reached"):
        TFPegasusModel.from_pretrained("owner/tiny", **hub)
    assert not _Hub.requests


def test_subfolders_of_repositories_keep_to_their_files():
    wanted = _Wanted(["*.json"], [["*.safetensors"], ["*.bin"]], HubOptions(subfolder="a/b"))
    assert wanted.of(["a/b/x.bin", "x.safetensors"]) == ["a/b/*.json", "a/b/*.bin"]
