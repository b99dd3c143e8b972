import dataclasses
import subprocess
import sys

import pytest

from tf_pegasus.checkpoints.formats import FILE_DTYPES
from tf_pegasus.training.config import (
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    TrainingArguments,
)

FILES = {"train_file": "train.jsonl", "validation_file": "validation.jsonl", "output_dir": "run"}


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
        ({"strategy": "tpu"}, "strategy='tpu' must be one of none, mirrored, multiworker"),
        ({"ema_momentum": 1.0}, "ema_momentum=1.0 must be between 0 and 1"),
        ({"average_last": 1}, "average_last=1 must be at least 2"),
        ({"average_last": 3, "lora_rank": 2}, "average_last cannot be used with lora_rank"),
        ({"metric": "rouge"}, "metric='rouge' must be one of val_loss, val_rouge1"),
        ({"patience": 0}, "patience=0 must be positive"),
        ({"on_error": "warn"}, "on_error='warn' must be one of raise, skip"),
    ],
)
def test_invalid_values(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments.from_flags(**FILES, **change)


def test_choices_are_those_of_the_types():
    assert OPTIMIZERS == ("adafactor", "adamw", "lion", "muon")
    assert SCHEDULES == ("constant", "cosine", "inverse_sqrt")
    for name, choices in (("precision", PRECISIONS), ("weights_dtype", FILE_DTYPES)):
        for choice in choices:
            settings = TrainingArguments.from_flags(**FILES, **{name: choice})
            section, field = TrainingArguments.flags()[name]
            assert settings.to_sections()[section][field.name] == choice


def test_import_does_not_import_tensorflow():
    code = "import sys, tf_pegasus.training.config; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_depend_on_the_model():
    scratch = TrainingArguments.from_flags(**FILES)
    tuned = TrainingArguments.from_flags(**FILES, model="bundled")
    assert (scratch.model.d_model, scratch.model.vocab_size) == (256, 8000)
    assert (tuned.model.d_model, tuned.model.vocab_size) == (None, None)
    assert (scratch.optimizer.learning_rate, tuned.optimizer.learning_rate) == (0.01, 1e-4)
    lion = TrainingArguments.from_flags(**FILES, optimizer="lion")
    assert lion.optimizer.learning_rate == 1e-4
    given = TrainingArguments.from_flags(**FILES, optimizer="adamw", learning_rate=2.0)
    assert given.optimizer.learning_rate == 2.0
    # The defaults of the sections are not changed with them.
    assert TrainingArguments.from_flags(**FILES) == scratch
    assert (
        TrainingArguments.from_flags(**FILES, metric="val_rougeL").validation.rouge_samples == 100
    )


def test_sections_and_flags_are_two_names_of_a_setting():
    settings = TrainingArguments.from_flags(**FILES, lora_rank=4, lora_targets="fc1", batch_size=3)
    assert TrainingArguments.from_sections(settings.to_sections()) == settings
    assert (settings.lora.rank, settings.lora.targets, settings.run.batch_size) == (4, "fc1", 3)
    assert len(TrainingArguments.flags()) == sum(
        len(dataclasses.fields(section)) for section in TrainingArguments.sections.values()
    )
    with pytest.raises(TypeError, match="batch is no setting of a training"):
        TrainingArguments.from_flags(**FILES, batch=3)
