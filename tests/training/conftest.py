import pytest
from helpers.tiny import FROM_MODEL, SENTENCES

from tf_pegasus.data.jsonl import write_jsonl

RECORDS = [
    {"document": f"{sentence} It is number {n}.", "summary": " ".join(sentence.split()[:3])}
    for n in range(8)
    for sentence in SENTENCES
]


@pytest.fixture
def arguments(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", RECORDS)
    write_jsonl(tmp_path / "validation.jsonl", RECORDS[:8])
    return {
        "train_file": str(tmp_path / "train.jsonl"),
        "validation_file": str(tmp_path / "validation.jsonl"),
        "output_dir": str(tmp_path / "run"),
        "vocab_size": 105,
        "d_model": 16,
        "layers": 1,
        "heads": 2,
        "ffn_dim": 32,
        "max_source_length": 64,
        "max_target_length": 16,
        "epochs": 3,
        "batch_size": 16,
        "eval_steps": 3,
        "optimizer": "adamw",
        "learning_rate": 0.003,
        "num_beams": 2,
    }


@pytest.fixture
def tuning(arguments, model_directory):
    """Arguments that fine-tune the tiny model."""
    lengths = {"max_source_length": 32, "max_target_length": 8}
    return {**arguments, **FROM_MODEL, **lengths, "model": str(model_directory)}
