"""Dangerous calls that no module of the package may make."""

import ast
from pathlib import Path

import pytest

import tf_pegasus
from tf_pegasus import Summarizer
from tf_pegasus.checkpoints import loading
from tf_pegasus.cli.main import main

PACKAGE = Path(tf_pegasus.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Modules that execute the content of files.
MODULES = {"cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch"}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "extractall", "unpack_archive"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unpickled_or_executed(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "pickle":
            # Its instruction names are needed to write pytorch_model.bin.
            assert node.attr.isupper(), f"line {node.lineno}"
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            assert not names & MODULES, f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in {*MODULES, "pickle"}
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            # Bare names, and functions of `os` and archives, but not a model's `compile`.
            is_method = isinstance(node.func, ast.Attribute)
            assert name not in CALLS or (is_method and name == "compile"), f"line {node.lineno}"
            unsafe = {"allow_pickle", "shell", "trust_remote_code"}
            for keyword in node.keywords:
                is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                assert keyword.arg not in unsafe or is_off, f"line {node.lineno}"


def test_source_files_are_found():
    assert len(SOURCES) > 60


def test_revision_pins_the_download(model_directory, monkeypatch, tmp_path):
    asked = []

    def local_directory(path, patterns, alternatives, options):
        asked.append((path, options.revision))
        return model_directory

    monkeypatch.setattr(loading, "local_directory", local_directory)
    Summarizer.from_pretrained("owner/name", revision="0123abc")
    (tmp_path / "text").write_text("A fox.")
    arguments = ["summarize", str(tmp_path / "text"), "--max-length", "4"]
    assert main([*arguments, "--model", "owner/name", "--revision", "4567def"]) == 0
    assert asked == [("owner/name", "0123abc"), ("owner/name", "4567def")]


def test_revision_requires_a_name_on_the_hub(tmp_path, capsys):
    (tmp_path / "text").write_text("A fox.")
    assert main(["summarize", str(tmp_path / "text"), "--revision", "0123abc"]) == 1
    assert "--revision" in capsys.readouterr().err
