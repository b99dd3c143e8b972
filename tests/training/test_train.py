import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import mirrored_training
from helpers.tiny import FROM_MODEL

from tf_pegasus import (
    GenerationConfig,
    Summarizer,
    TFPegasusForConditionalGeneration,
    bundled_model,
)
from tf_pegasus.checkpoints.names import huggingface_weights
from tf_pegasus.cli.main import main
from tf_pegasus.evaluation import RougeCallback
from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.train import train


@pytest.mark.slow
def test_train_saves_a_model_that_summarizes_and_resumes_after_a_kill(
    arguments, tmp_path, monkeypatch
):
    arguments |= {"ema_momentum": 0.9, "average_last": 2, "rouge_samples": 4, "tensorboard": True}
    whole = train(TrainingArguments.from_flags(**arguments))
    assert len(whole["val_loss"]) == len(whole["val_rougeL"]) == 4
    assert whole["val_loss"][-1] < whole["val_loss"][0]
    assert Summarizer.from_pretrained(arguments["output_dir"]).summarize(["The fox."])[0].text
    best = TFPegasusForConditionalGeneration.from_pretrained(arguments["output_dir"])
    stored = GenerationConfig.from_pretrained(arguments["output_dir"])
    assert (stored.num_beams, stored.max_length, stored.forced_eos_token_id) == (2, 16, 1)
    ids = (stored.decoder_start_token_id, stored.eos_token_id, stored.pad_token_id)
    assert (ids, stored.extra) == ((0, 1, 0), {})

    # The same run, by the command that it wrote, killed in its third interval, before anything of
    # that interval is saved.
    class Killed(BaseException):
        pass

    def kill(self, epoch, logs=None):
        if epoch == 2:
            raise Killed

    second = {**arguments, "output_dir": str(tmp_path / "second")}
    *_, command = (tmp_path / "run" / "training" / "command.txt").read_text().splitlines()
    program, *command = shlex.split(command.replace("ANOTHER_DIRECTORY", second["output_dir"]))
    assert program == "tf-pegasus"
    with monkeypatch.context() as patch:
        patch.setattr("tf_pegasus.training.callbacks.KeepBest.on_epoch_begin", kill, raising=False)
        with pytest.raises(Killed):
            main(command)
    resumed = train(TrainingArguments.from_flags(**second))
    np.testing.assert_array_equal(resumed["val_loss"], whole["val_loss"][2:])
    again = TFPegasusForConditionalGeneration.from_pretrained(second["output_dir"])
    for a, b in zip(best.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sorted(path.name for path in (tmp_path / "second/training/last").iterdir()) == ["3", "4"]
    assert list((tmp_path / "second/training/tensorboard").iterdir())
    log = (tmp_path / "second" / "training" / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["epoch", "0", "1", "2", "3"]
    assert log == (tmp_path / "run" / "training" / "log.csv").read_text().splitlines()
    # A third run has nothing left to do and undoes nothing.
    assert train(TrainingArguments.from_flags(**second)) == {}


@pytest.mark.slow
def test_the_best_metric_is_saved_and_patience_ends(tuning, monkeypatch, capsys):
    """ROUGE of the second validation is the best; two worse ones later, training stops."""
    scores = iter([10.0, 30.0, 20.0, 29.0, 99.0])
    saved = []
    monkeypatch.setattr(RougeCallback, "evaluate", lambda _: {"val_rouge2": next(scores)})
    save = TFPegasusForConditionalGeneration.save_pretrained
    monkeypatch.setattr(
        TFPegasusForConditionalGeneration,
        "save_pretrained",
        lambda self, *args, **kwargs: saved.append(1) or save(self, *args, **kwargs),
    )
    changes = {"metric": "val_rouge2", "patience": 2, "eval_steps": 1, "weights_dtype": "float16"}
    settings = TrainingArguments.from_flags(**{**tuning, **changes})
    assert len(train(settings)["val_rouge2"]) == 4
    assert len(saved) == 2
    assert "val_rouge2 has not become better for 2 validations" in capsys.readouterr().out
    # Repeated, it is still over.
    assert train(settings) == {}


@pytest.mark.slow
def test_fine_tuning_starts_from_the_models_weights_and_options(tuning, model_directory, tmp_path):
    shutil.copytree(model_directory, tmp_path / "model")
    before = GenerationConfig.from_pretrained(model_directory)
    before.updated(no_repeat_ngram_size=3).save_pretrained(tmp_path / "model")
    tuning["model"] = str(tmp_path / "model")
    changes = {"epochs": 1, "learning_rate": 1e-6, "num_beams": None, "length_penalty": 1.5}
    train(TrainingArguments.from_flags(**{**tuning, **changes}))
    options = GenerationConfig.from_pretrained(tuning["output_dir"])
    assert (options.num_beams, options.no_repeat_ngram_size) == (before.num_beams, 3)
    assert (options.max_length, options.length_penalty) == (8, 1.5)
    before = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    after = TFPegasusForConditionalGeneration.from_pretrained(tuning["output_dir"])
    assert after.config.d_model == before.config.d_model
    for a, b in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 9000}, r"vocab_size=9000 is too large .* at most \d+$"),
        ({"schedule": "cosine", "warmup_steps": 1000}, "more than warmup_steps=1000"),
        ({"heads": 3}, "heads=3 must divide"),
        ({**FROM_MODEL, "model": "/nowhere"}, "nowhere"),
    ],
)
def test_invalid_arguments_leave_no_files(arguments, tmp_path, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(TrainingArguments.from_flags(**{**arguments, **change}))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"train.jsonl", "validation.jsonl"}


@pytest.mark.slow
def test_adapters_of_a_model_that_gets_more_positions(tuning, model_directory):
    """The model has 48 positions, the documents have up to 64 tokens."""
    changes = {"lora_rank": 2, "lora_targets": "q_proj,fc1", "gradient_accumulation_steps": 2}
    changes |= {"optimizer": "lion", "learning_rate": 0.01, "gradient_checkpointing": True}
    train(
        TrainingArguments.from_flags(**{**tuning, **changes, "max_source_length": 64, "epochs": 1})
    )
    directory = Path(tuning["output_dir"])
    before = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    merged = TFPegasusForConditionalGeneration.from_pretrained(directory)
    assert merged.config.max_position_embeddings == 64
    changed = {
        weight.name
        for weight, old in zip(
            huggingface_weights(merged), huggingface_weights(before), strict=True
        )
        if not np.array_equal(weight.variable, old.variable)
    }
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "fc1"}
    before.resize_position_embeddings(64)
    before.load_adapters(directory / "adapters")
    ids = np.array([[5, 6, 7, 1]])
    logits = (model(ids, decoder_input_ids=ids).logits for model in (before, merged))
    np.testing.assert_allclose(*logits, atol=1e-4)


@pytest.mark.slow
def test_frozen_parts_stay(tuning, model_directory):
    changes = {"freeze": "encoder, embeddings", "learning_rate": 0.01, "schedule": "inverse_sqrt"}
    train(TrainingArguments.from_flags(**{**tuning, **changes, "optimizer": "muon", "epochs": 1}))
    models = [
        TFPegasusForConditionalGeneration.from_pretrained(path)
        for path in (model_directory, tuning["output_dir"])
    ]
    for weight, old in zip(*map(huggingface_weights, reversed(models)), strict=True):
        is_frozen = not weight.name.startswith("model.decoder")
        assert np.array_equal(weight.variable, old.variable) == is_frozen, weight.name


def test_train_refuses_a_directory_of_another_run(arguments, tmp_path):
    run = tmp_path / "run" / "training"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("run:\n  batch_size: 999\n")
    with pytest.raises(
        ValueError, match=r"holds a run with other arguments \(train_file=None there"
    ):
        train(TrainingArguments.from_flags(**arguments))
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match="not a training run"):
        train(TrainingArguments.from_flags(**{**arguments, "output_dir": str(other)}))


def test_the_bundled_model_by_name(tuning, monkeypatch):
    """The run's directory stores the name "bundled", not the path of the installation."""

    class Enough(Exception):
        pass

    def from_pretrained(path, **options):
        assert path == bundled_model()
        raise Enough

    monkeypatch.setattr(TFPegasusForConditionalGeneration, "from_pretrained", from_pretrained)
    settings = TrainingArguments.from_flags(**{**tuning, "model": "bundled"})
    with pytest.raises(Enough):
        train(settings)
    assert settings.model.name == "bundled"


@pytest.mark.slow
def test_two_devices_train_as_one(arguments, tmp_path):
    arguments |= {"dropout": 0.0, "epochs": 1, "output_dir": str(tmp_path / "alone")}
    alone = train(TrainingArguments.from_flags(**arguments))
    arguments |= {"strategy": "mirrored", "output_dir": str(tmp_path / "mirrored")}
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    paths = [str(Path(mirrored_training.__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, mirrored_training.__file__, str(tmp_path / "arguments.json")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        check=True,
        capture_output=True,
        text=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("{"))
    for name, losses in json.loads(line).items():
        np.testing.assert_allclose(losses, alone[name], rtol=1e-4)
    assert (tmp_path / "mirrored" / "model.safetensors").is_file()
