"""Runs the examples of the documentation."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent


def python_blocks(document):
    """Returns the Python blocks of a document in Markdown."""
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


PYTHON_BLOCKS = python_blocks("README.md")
GUIDE_BLOCKS = python_blocks("docs/fine-tuning.md")
PRETRAINING_BLOCKS = python_blocks("docs/pre-training.md")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(PYTHON_BLOCKS)))
def test_readme_block_runs_by_itself(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = PYTHON_BLOCKS[number]
    exec(compile(block, "README.md", "exec"), {})
    for written in ("my-model/model.safetensors", "served/1/saved_model.pb", "classifier.keras"):
        if f'"{written.split("/")[0]}"' in block:
            assert (tmp_path / written).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(GUIDE_BLOCKS)))
def test_block_of_the_guide_to_fine_tuning_runs_by_itself(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = {"document": "This library reads and writes PNG files.", "summary": "PNG library"}
    for name in ("train", "validation"):
        (tmp_path / f"{name}.jsonl").write_text((json.dumps(record) + "\n") * 6)
    exec(compile(GUIDE_BLOCKS[number], "fine-tuning.md", "exec"), {})
    if number == 0:
        assert (tmp_path / "tuned" / "model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(PRETRAINING_BLOCKS)))
def test_block_of_the_guide_to_pretraining_runs_by_itself(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(PRETRAINING_BLOCKS[number], "pre-training.md", "exec"), {})
    if number == 0:
        assert (tmp_path / "pre-trained" / "model.safetensors").is_file()


def test_readme_has_examples():
    assert len(PYTHON_BLOCKS) >= 6
    for name in ("my-model", "served", "classifier.keras"):
        assert any(f'"{name}"' in block for block in PYTHON_BLOCKS)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_documents_refer_to_existing_files(document):
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
    for target in re.findall(r"`((?:benchmarks|notebooks|samples|tests|tools)/[\w./-]+)`", text):
        assert (ROOT / target).exists(), target
