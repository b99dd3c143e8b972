import re
import signal
import subprocess
import sys

import pytest
import yaml
from helpers.tiny import SENTENCES

from tf_pegasus.cli.main import main
from tf_pegasus.cli.train import build_parser
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.training import train as train_module
from tf_pegasus.training.config import TrainingArguments

FILES = {"train_file": "a", "validation_file": "b", "output_dir": "c"}
REQUIRED = ["--train-file", "a", "--validation-file", "b", "--output-dir", "c"]


@pytest.fixture
def trained(monkeypatch):
    """The arguments of each training run; nothing is trained."""
    runs = []
    monkeypatch.setattr(train_module, "train", runs.append)
    return runs


def test_flags_are_the_fields(trained):
    assert main(["train", *REQUIRED]) == 0
    assert trained == [TrainingArguments.from_flags(**FILES)]
    flags = ["--epochs", "0.5", "--eval-steps", "7", "--optimizer", "adamw", "--model", "bundled"]
    assert main(["train", *REQUIRED, *flags]) == 0
    assert trained[1] == TrainingArguments.from_flags(
        **FILES, epochs=0.5, eval_steps=7, optimizer="adamw", model="bundled"
    )


def test_every_field_is_described():
    text = " ".join(build_parser("tf-pegasus train").format_help().split())
    for name, (section, field) in TrainingArguments.flags().items():
        documentation = TrainingArguments.sections[section].__doc__
        description = re.search(rf"^        {field.name}: (\S+)", documentation, re.M)
        assert description, field.name
        flag = "--" + name.replace("_", "-")
        assert re.search(rf"{flag} \S+ {re.escape(description[1])}", text), field.name


def test_printed_settings_can_be_given_back(trained, tmp_path, capsys):
    flags = ["--model.name", "bundled", "--learning-rate=1e-3", "--run.batch_size=3"]
    with pytest.raises(SystemExit) as stop:
        main(["train", *REQUIRED, *flags, "--print_config"])
    assert stop.value.code == 0
    (tmp_path / "run.yaml").write_text(capsys.readouterr().out)
    sections = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert sections["data"]["train_file"] == "a"
    assert sections["model"]["name"] == "bundled"
    expected = {"model": "bundled", "learning_rate": 1e-3, "batch_size": 3}
    for arguments in (["--config", str(tmp_path / "run.yaml")], [str(tmp_path / "run.yaml")]):
        assert main(["train", *arguments]) == 0
        assert trained.pop() == TrainingArguments.from_flags(**FILES, **expected)
    # Flags go before the file, in any order.
    assert main(["train", "--batch-size", "5", str(tmp_path / "run.yaml"), "--seed", "7"]) == 0
    expected |= {"batch_size": 5, "seed": 7}
    assert trained == [TrainingArguments.from_flags(**FILES, **expected)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "many"], "argument --epochs: 'many' must be a number"),
        (["--eval-steps", "1.5"], "argument --eval-steps: '1.5' must be an int"),
        (["--optimizer", "sgd"], "--optimizer: invalid choice: 'sgd' (choose from 'adafactor',"),
        (["--epoch-count", "1"], "--epoch-count: did you mean --epochs?"),
        (["--run.batchsize=1"], "--run.batchsize: did you mean --batch-size?"),
        (["--config", "none.yaml"], "none.yaml: No such file or directory"),
        (["a.yaml", "b.yaml"], "unrecognized arguments: b.yaml"),
        (["a.yaml", "--config", "b.yaml"], "give one file of settings, not FILE and --config"),
    ],
)
def test_usage_errors(usage_error, arguments, message):
    error = usage_error("train", *REQUIRED, *arguments)
    assert error.startswith("tf-pegasus train: error: ")
    assert message in error


def test_invalid_settings_in_a_file(usage_error, tmp_path):
    for content, message in (
        ("run: {epochz: 3}", "unknown key run.epochz: did you mean run.epochs?"),
        ("epochs: 3", "unknown key epochs: did you mean run.epochs?"),
        ("lora_rank: 3", "unknown key lora_rank: did you mean lora.rank?"),
        ("modell: {name: a}", "unknown key modell: did you mean model?"),
        ("zzz: 3", "unknown key zzz, known are the sections data, model, "),
        ("[]", "must have the sections data, model, "),
        ("run: 3", "run must be a section, got 3"),
        ("run: {", "is not valid YAML"),
        ("run: {epochs: many}", "argument --epochs: many must be a number"),
        ("optimizer: {name: sgd}", "argument --optimizer: sgd must be one of adafactor, adamw"),
    ):
        (tmp_path / "run.yaml").write_text(content)
        error = usage_error("train", *REQUIRED, "--config", tmp_path / "run.yaml")
        assert message in error.replace("'many'", "many").replace("'sgd'", "sgd")


def test_values_out_of_range(run):
    code, _, err = run("train", *REQUIRED, "--batch-size", 0)
    assert (code, err) == (1, "tf-pegasus: error: batch_size=0 must be positive\n")


@pytest.fixture
def arguments(tmp_path):
    records = [
        {"document": f"{text} Number {n}.", "summary": text}
        for n in range(10)
        for text in SENTENCES
    ]
    write_jsonl(tmp_path / "train.jsonl", records)
    write_jsonl(tmp_path / "validation.jsonl", records[:8])
    return [
        *("train", "--train-file", str(tmp_path / "train.jsonl")),
        *("--validation-file", str(tmp_path / "validation.jsonl")),
        *("--output-dir", str(tmp_path / "run"), "--vocab-size", "105", "--epochs", "40"),
        *("--d-model", "16", "--layers", "1", "--heads", "2", "--ffn-dim", "16"),
        *("--eval-steps", "10", "--batch-size", "8"),
    ]


@pytest.mark.slow
def test_training_resumes_after_a_kill(arguments, process, tmp_path):
    command = [sys.executable, "-m", "tf_pegasus", *arguments]
    for epoch, number in ((2, signal.SIGTERM), (4, signal.SIGKILL)):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as started:
            for line in started.stdout:
                if line.startswith(f"Epoch {epoch}/"):
                    started.send_signal(number)
            errors = started.stderr.read()
        if number == signal.SIGTERM:
            assert started.returncode == 128 + signal.SIGTERM
            message = r"interrupted: saved after step \d+; repeat the command to resume\n$"
            assert re.search(message, errors)
    done = process(*arguments, check=True)
    assert "resuming after" in done.stdout
    assert "val_loss" in done.stdout
    log = (tmp_path / "run" / "training" / "log.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in log] == list(range(40))
    done = process(
        *("summarize", "-", "--model", tmp_path / "run", "--engine", "graph"),
        input=SENTENCES[0],
        check=True,
    )
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


@pytest.mark.slow
def test_a_full_disk(arguments, process, vocab_file, tmp_path):
    """The first file that does not fit on the disk is the checkpoint, which TensorFlow writes."""
    arguments = [value for value in arguments if value not in ("--vocab-size", "105")]
    vocabulary = ["--vocab-file", vocab_file, "--optimizer", "adamw", "--d-model", "32"]
    size = vocab_file.stat().st_size // 1024 + 4
    done = process(*arguments, *vocabulary, shell=f'ulimit -f {size}; exec "$@"')
    assert done.returncode == 1
    assert done.stderr.startswith(f"tf-pegasus: error: {tmp_path / 'run' / 'training'}")
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr


@pytest.mark.slow
def test_no_color(arguments, process):
    """On a terminal, Keras' progress bar is shown without colors."""
    script = 'printf -v line "%q " "$@"; exec script -qec "$line" /dev/null'
    arguments = [*arguments, "--epochs", "0.2"]
    for variables, has_color in (({"NO_COLOR": "1"}, False), ({"NO_COLOR": None}, True)):
        done = process(*arguments, shell=script, env=variables, check=True)
        assert "━" in done.stdout
        assert ("\x1b[" in done.stdout) == has_color
        arguments = [*arguments, "--output-dir", arguments[6] + "-color"]


@pytest.mark.slow
def test_a_loss_that_is_no_number(arguments, process, tmp_path):
    done = process(*arguments, "--optimizer", "adamw", "--learning-rate", "1e30")
    assert done.returncode == 1
    assert re.match(r"tf-pegasus: error: the loss became (nan|inf) at step \d", done.stderr)
    assert "; no model was saved: " in done.stderr
    assert done.stderr.count("\n") == 1
    run = tmp_path / "run"
    assert not (run / "model.safetensors").exists()
    assert not list(run.glob("training/checkpoint/*"))


@pytest.mark.slow
def test_two_at_once(arguments, process, tmp_path):
    command = [sys.executable, "-m", "tf_pegasus", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        for line in first.stdout:
            if line.startswith("Epoch 2/"):
                second = process(*arguments)
                first.kill()
    assert second.returncode == 1
    assert f"is in use by process {first.pid} on " in second.stderr
    assert str(tmp_path / "run") in second.stderr
    assert second.stderr.count("\n") == 1
