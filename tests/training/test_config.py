import dataclasses
import subprocess
import sys

import pytest

from tf_pegasus.checkpoints.formats import FILE_DTYPES
from tf_pegasus.training.config import OPTIMIZERS, PRECISIONS, SCHEDULES, TrainingArguments


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"epochs": -1}, "epochs=-1"),
        ({"eval_steps": 0}, "eval_steps=0"),
        ({"precision": "float8"}, "precision='float8'"),
        ({"weights_dtype": "int8"}, "weights_dtype='int8'"),
        ({"model": "a", "vocab_file": "b"}, "model and vocab_file exclude each other"),
        ({"model": "a", "d_model": 64}, "model and d_model exclude each other"),
        ({"vocab_file": "a", "vocab_size": 64}, "vocab_size has no effect with vocab_file"),
        ({"freeze": "encoder,head"}, "freeze='encoder,head' must be some of encoder, decoder, emb"),
        ({"freeze": "encoder", "lora_rank": 2}, "freeze has no effect with lora_rank"),
        ({"lora_alpha": 2.0}, "lora_alpha has no effect without lora_rank"),
        ({"lora_rank": 0}, "lora_rank=0 must be positive"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps=0 must be positive"),
        ({"strategy": "tpu"}, "strategy='tpu' must be one of none, mirrored"),
        ({"on_error": "warn"}, "on_error='warn' must be one of raise, skip"),
    ],
)
def test_invalid_values(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments("train.jsonl", "validation.jsonl", "run", **change)


def test_choices_are_those_of_the_types():
    assert OPTIMIZERS == ("adafactor", "adamw", "lion", "muon")
    assert SCHEDULES == ("constant", "cosine", "inverse_sqrt")
    for name, choices in (("precision", PRECISIONS), ("weights_dtype", FILE_DTYPES)):
        for choice in choices:
            settings = TrainingArguments("a", "b", "c", **{name: choice})
            assert dataclasses.asdict(settings)[name] == choice


def test_import_does_not_import_tensorflow():
    code = "import sys, tf_pegasus.training.config; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_depend_on_the_model():
    files = ("train.jsonl", "validation.jsonl", "run")
    scratch, tuned = TrainingArguments(*files), TrainingArguments(*files, model="bundled")
    assert (scratch.d_model, scratch.vocab_size, scratch.learning_rate) == (256, 8000, 0.01)
    assert (tuned.d_model, tuned.vocab_size, tuned.learning_rate) == (None, None, 1e-4)
    assert TrainingArguments(*files, optimizer="lion").learning_rate == 1e-4
    assert TrainingArguments(*files, optimizer="adamw", learning_rate=2.0).learning_rate == 2.0
