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
        ({"model": "a", "vocab_file": "b"}, "exclude each other"),
    ],
)
def test_invalid_values(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments("train.jsonl", "validation.jsonl", "run", **change)


def test_choices_are_those_of_the_types():
    assert OPTIMIZERS == ("adafactor", "adamw")
    assert SCHEDULES == ("constant", "cosine")
    for name, choices in (("precision", PRECISIONS), ("weights_dtype", FILE_DTYPES)):
        for choice in choices:
            settings = TrainingArguments("a", "b", "c", **{name: choice})
            assert dataclasses.asdict(settings)[name] == choice


def test_import_does_not_import_tensorflow():
    code = "import sys, tf_pegasus.training.config; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
