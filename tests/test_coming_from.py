"""Runs the scripts, commands and calls of the pages for users of other projects."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import (
    PegasusConfig,
    PegasusTokenizer,
    TFPegasusForConditionalGeneration,
    bundled_model,
)
from tf_pegasus.cli.main import main

DOCS = Path(__file__).parents[1] / "docs"
TRANSFORMERS = (DOCS / "coming-from-transformers.md").read_text()
AUTHORS = (DOCS / "coming-from-google-research.md").read_text()


def blocks(text, language):
    """Returns the blocks to run; those of other projects are marked as `python before`."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def rows(text, heading):
    """Returns the cells of the first table under a heading."""
    table = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


SCRIPTS = blocks(TRANSFORMERS, "python")
OUT = rows(TRANSFORMERS, "What is out")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_script_for_users_of_transformers_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(SCRIPTS[number], "coming-from-transformers.md", "exec"), {})
    written = re.search(r"model.save_pretrained\(\"([\w-]+)\"", SCRIPTS[number])
    if written:
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path / written[1])


@pytest.mark.parametrize("text", [TRANSFORMERS, AUTHORS])
def test_links_lead_to_files(text):
    targets = re.findall(r"\]\(([^)#:]+)", text)
    assert targets
    for target in targets:
        assert (DOCS / target).is_file(), target


def test_page_has_scripts_before_and_after():
    assert len(SCRIPTS) == 5
    assert len(blocks(TRANSFORMERS, "python before")) == 3
    assert len(OUT) >= 12


@pytest.fixture(scope="module")
def names(summarizer):
    """What the calls in the table use."""
    tokenizer = summarizer.tokenizer
    return {
        "MODEL": bundled_model(),
        "PegasusConfig": PegasusConfig,
        "TFPegasusForConditionalGeneration": TFPegasusForConditionalGeneration,
        "tokenizer": tokenizer,
        "model": summarizer.model,
        "inputs": tokenizer(["the cat"], return_tensors="np"),
    }


@pytest.mark.parametrize(("call", "message"), OUT, ids=[call for call, _ in OUT])
def test_what_is_out_says_what_to_use(call, message, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=re.escape(message)):
        eval(call.strip("`"), names)


@pytest.fixture(scope="module")
def authors_files(tmp_path_factory):
    """A directory with a checkpoint, a vocabulary and TFRecords in the authors' formats."""
    directory = tmp_path_factory.mktemp("authors")
    vocabulary = bundled_model() / "spiece.model"
    model = TFPegasusForConditionalGeneration(
        PegasusConfig(
            vocab_size=len(PegasusTokenizer(vocabulary)),
            d_model=64,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=1,
            decoder_attention_heads=1,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            activation_function="relu",
            scale_embedding=True,
            position_embedding_type="original",
            layer_norm_epsilon=1e-12,
        )
    )
    table = model.get_input_embeddings().embeddings
    # The authors' decoder starts with zeros.
    table.assign(np.concatenate([np.zeros((1, 64), "float32"), table.numpy()[1:]]))
    model.save_pretrained(directory / "saved", weights_format="original")
    (directory / "ckpt").mkdir()
    for path in (directory / "saved").glob("model.ckpt-0.*"):
        path.rename(directory / "ckpt" / path.name.replace("ckpt-0", "ckpt-1500000"))
    shutil.copy(vocabulary, directory / "ckpt" / "c4.unigram.newline.10pct.96000.model")
    for name in ("train.tfrecord-00000-of-00001", "dev.tfrecord"):
        with tf.io.TFRecordWriter(str(directory / name)) as writer:
            for _ in range(2):
                writer.write(example("A library that reads PNG files.", "PNG library"))
    return directory


def example(document, summary):
    def feature(text):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))

    features = {"inputs": feature(document), "targets": feature(summary)}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.mark.slow
def test_page_for_users_of_the_authors_code_runs(authors_files, monkeypatch):
    """Later blocks use the files of earlier ones."""
    monkeypatch.chdir(authors_files)
    found = re.findall(r"```(python|bash)\n(.*?)```", AUTHORS, re.DOTALL)
    assert [language for language, _ in found] == ["python", "bash", "python", "bash", "bash"]
    for language, block in found:
        if language == "python":
            exec(compile(block, "coming-from-google-research.md", "exec"), {})
            continue
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "tf-pegasus"
            assert not main(arguments), line
    for name in ("large", "converted", "trained"):
        assert (authors_files / name / "model.safetensors").is_file()
    for name in ("metrics.json", "report.html", "predictions.jsonl"):
        assert (authors_files / "evaluation" / name).is_file()
