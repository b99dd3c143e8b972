import csv
from pathlib import Path

import pytest
import yaml
from helpers.tiny import SENTENCES

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.cli.main import main
from tf_pegasus.pretraining import PretrainingSettings
from tf_pegasus.training.pretrain import pretrain
from tf_pegasus.training.pretraining_config import PretrainingArguments

FILES = {"train_file": "a.txt", "validation_file": "b.txt", "output_dir": "c"}


@pytest.fixture
def arguments(tmp_path, vocab_file):
    texts = [" ".join(SENTENCES[(i + k) % 8] for k in range(4)) for i in range(24)]
    (tmp_path / "train.txt").write_text("\n\n".join(texts[:16]))
    (tmp_path / "validation.txt").write_text("\n\n".join(texts[16:]))
    shape = {"d_model": 16, "layers": 1, "heads": 2, "ffn_dim": 24}
    return {
        "train_file": str(tmp_path / "train.txt"),
        "validation_file": str(tmp_path / "validation.txt"),
        "output_dir": str(tmp_path / "run"),
        "vocab_file": str(vocab_file),
        "max_source_length": 160,
        "max_target_length": 32,
        "batch_size": 16,
        "epochs": 4,
        "eval_steps": 2,
        **shape,
    }


@pytest.mark.slow
def test_a_killed_pretraining_resumes_and_validates_on_the_same_examples(arguments, monkeypatch):
    # So that nothing but the masks can change a loss.
    arguments |= {"learning_rate": 1e-9, "dropout": 0.0}

    class Killed(BaseException):
        pass

    def kill(self, epoch, logs=None):
        if epoch == 1:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("tf_pegasus.training.callbacks.KeepBest.on_epoch_begin", kill, raising=False)
        with pytest.raises(Killed):
            pretrain(PretrainingArguments.from_flags(**arguments))
    resumed = pretrain(PretrainingArguments.from_flags(**arguments))
    with open(Path(arguments["output_dir"]) / "training" / "log.csv", newline="") as file:
        first, second = ({n: float(v) for n, v in row.items()} for row in csv.DictReader(file))
    assert set(first) > {"gsg_perplexity", "mlm_accuracy", "val_gsg_perplexity"}
    assert [second["loss"]] == pytest.approx(resumed["loss"])
    assert second["val_loss"] == pytest.approx(first["val_loss"], rel=1e-5)
    assert second["loss"] != pytest.approx(first["loss"], rel=1e-5)
    trained = TFPegasusForConditionalGeneration.from_pretrained(arguments["output_dir"])
    assert trained.tokenizer is not None
    with pytest.raises(ValueError, match=r"other arguments \(masked_word_ratio=None there\)"):
        pretrain(PretrainingArguments.from_flags(**arguments, masked_word_ratio=0.5))


def test_objective_is_that_of_preset_and_flags():
    arguments = PretrainingArguments.from_flags(
        **FILES, preset="authors", gap_sentences="ind-uniq", max_target_length=64
    )
    assert arguments.settings == PretrainingSettings.from_preset(
        "authors", strategy="ind-uniq", max_target_length=64
    )
    assert arguments.model.label_smoothing == 0
    assert PretrainingArguments.from_flags(**FILES).settings == PretrainingSettings()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "val_rouge1"}, "metric='val_rouge1' needs summaries"),
        ({"rouge_samples": 3}, "rouge_samples=3 needs summaries"),
        ({"gap_sentences": "lead", "rouge_noise": 0.1}, "rouge_noise=0.1 has no effect"),
        ({"max_source_length": 0}, "max_source_length=0 must be positive"),
    ],
)
def test_invalid_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        PretrainingArguments.from_flags(**FILES, **changes)


def test_printed_settings_can_be_given_back(tmp_path, capsys, monkeypatch):
    runs = []
    monkeypatch.setattr("tf_pegasus.training.pretrain.pretrain", runs.append)
    given = [f"--{name.replace('_', '-')}={value}" for name, value in FILES.items()]
    given += ["--objective.strategy", "continuous", "--language", "de", "--strategy", "mirrored"]
    with pytest.raises(SystemExit):
        main(["pretrain", *given, "--print-config"])
    (tmp_path / "run.yaml").write_text(capsys.readouterr().out)
    assert yaml.safe_load((tmp_path / "run.yaml").read_text())["objective"]["language"] == "de"
    assert main(["pretrain", str(tmp_path / "run.yaml")]) == 0
    assert runs == [
        PretrainingArguments.from_flags(
            **FILES, gap_sentences="continuous", language="de", strategy="mirrored"
        )
    ]
    with pytest.raises(SystemExit):
        main(["pretrain", *given, "--gap-sentences", "rouge"])
    assert "invalid choice: 'rouge'" in capsys.readouterr().err
