import ast
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_pegasus.cli import messages
from tf_pegasus.cli.main import COMMANDS, main
from tf_pegasus.version import __version__

# Runs the command, then prints the heavy modules that it imported and its seconds of CPU.
MEASURED = """
import json, resource, sys
try:
    from tf_pegasus.cli.main import main
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
used = resource.getrusage(resource.RUSAGE_SELF)
heavy = sorted({"tensorflow", "keras", "numpy", "jsonargparse"} & set(sys.modules))
sys.stdout.flush()
print()
print(json.dumps([code, heavy, used.ru_utime + used.ru_stime]))
"""


@pytest.fixture
def measured(process):
    """Runs a command; returns its exit code, heavy modules, CPU seconds, output and errors."""

    def run_measured(*arguments, **options):
        done = process(*arguments, code=MEASURED, **options)
        output, _, report = done.stdout.rstrip("\n").rpartition("\n")
        code, heavy, seconds = json.loads(report)
        return code, heavy, seconds, output, done.stderr

    return run_measured


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["--completion", "bash"],
        *([name, "--help"] for name in COMMANDS),
        ["corpus", "debian", "--help"],
    ],
    ids=" ".join,
)
def test_help_is_fast(measured, arguments):
    code, heavy, seconds, output, _ = measured(*arguments)
    assert (code, output != "") == (0, True)
    # Only the flags that are generated from a dataclass need it.
    generated = ("train", "pretrain", "--completion")
    expected = ["jsonargparse"] if arguments[0] in generated else []
    assert heavy == expected
    # 0.05 to 0.2 s here; other machines may be slower, but importing TensorFlow takes seconds.
    assert seconds < 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["summarise", "x"],
        ["summarize"],
        ["summarize", "x", "--lines", "--jsonl"],
        ["summarize", "x", "--engine", "fast"],
        ["train", "--train-file", "x"],
        ["train", "--epochs", "many"],
        ["evaluate"],
        ["export", "x", "--weights", "int4"],
        ["client"],
        ["beam-summarize", "--input", "x"],
        ["convert", "x", "y", "--to", "gguf"],
        ["info", "x", "--config", "y"],
        ["corpus", "wikipedia"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_one_line(usage_error, arguments):
    error = usage_error(*arguments)
    assert error.startswith("tf-pegasus")
    assert "--help" in error


def test_usage_errors_are_fast(measured):
    code, heavy, _, _, error = measured("summarize", "x", "--num-beams", "two")
    assert (code, heavy) == (2, [])
    assert "argument --num-beams: invalid int value: 'two'" in error


@pytest.mark.parametrize("name", ["tf_pegasus", "tf_pegasus.serving", "tf_pegasus.cli.main"])
def test_import_is_fast(process, name):
    done = process(code=f"import sys, {name}; print(sorted(sys.modules))", check=True)
    assert {"tensorflow", "keras", "numpy"}.isdisjoint(ast.literal_eval(done.stdout))


def test_version_and_help(capsys):
    for arguments, pattern in (
        (["--version"], re.escape(f"tf-pegasus {__version__}")),
        (["--help"], r"(?s)summarize +Summarize documents\..*Exit codes: 0 success; 1 .*130"),
        (["summarize", "--help"], r"(?s)Exit codes: 0 all documents have a summary; 1"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert re.search(pattern, capsys.readouterr().out)


def test_debug_shows_the_traceback(run, tmp_path):
    arguments = ["summarize", tmp_path / "text", "--model", tmp_path / "nothing"]
    (tmp_path / "text").write_text("A fox.")
    code, _, error = run(*arguments)
    assert (code, error.count("\n")) == (1, 1)
    for with_debug in ([*arguments, "--debug"], ["--debug", *arguments]):
        if with_debug[0] == "--debug":
            with_debug += ["--engine", "graph"]
        code, _, error = run(*with_debug)
        assert code == 1
        assert error.startswith("Traceback (most recent call last):")
        assert "FileNotFoundError" in error
        assert "\ntf-pegasus: error: " in error


def test_descriptions_of_errors():
    import tensorflow as tf

    describe = messages.describe
    assert describe(FileNotFoundError(2, "No such file", "a")) == "a: No such file"
    assert describe(ValueError("one\n  two")) == "one two"
    assert describe(KeyError("x")) == "KeyError: 'x'; --debug shows the traceback"
    assert describe(AssertionError()) == "AssertionError: no message; --debug shows the traceback"
    message = "{{function_node __wrapped__SaveV2}} /x/y; No space left\non device [Op:SaveV2]"
    error = tf.errors.ResourceExhaustedError(None, None, message)
    assert describe(error) == "/x/y; No space left on device"


def test_warnings_of_python_are_one_line(run, tmp_path, model_directory, monkeypatch):
    monkeypatch.setattr("tf_pegasus.serving.export.is_available", lambda: False)
    code, _, error = run(
        *("export", tmp_path / "served", "--model", model_directory, "--engine", "graph"),
        *("--batch-buckets", 1, "--length-buckets", 16),
    )
    assert (code, error.count("\n")) == (0, 1)
    assert error.startswith("tf-pegasus: warning: no warm-up requests are written")


def test_closed_standard_streams(process, tmp_path):
    (tmp_path / "text").write_text("A fox.")
    for closed, output, message in (
        ("<&-", "\n", "tf-pegasus: error: standard input: is closed\n"),
        (">&-", "", "tf-pegasus: error: standard output is closed\n"),
    ):
        done = process("summarize", "-", shell=f'exec "$@" {closed}', stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout, done.stderr) == (1, output, message)
    done = process("summarize", tmp_path / "none", shell='exec "$@" 2>&-')
    assert (done.returncode, done.stdout) == (1, "\n")


def test_interrupted_while_it_starts(process, tmp_path, model_directory):
    """Ctrl-C while TensorFlow is being imported."""
    (tmp_path / "text").write_text("A fox.")
    for seconds in (0.0, 0.8):
        with subprocess.Popen(
            [sys.executable, "-m", "tf_pegasus", "summarize", str(tmp_path / "text")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as started:
            maps = Path(f"/proc/{started.pid}/maps")
            while started.poll() is None and "tensorflow" not in maps.read_text():
                time.sleep(0.01)
            time.sleep(seconds)
            started.send_signal(signal.SIGINT)
            output, error = started.communicate(timeout=60)
        assert (started.returncode, output) == (130, "")
        assert error == "tf-pegasus: interrupted\n"


@pytest.mark.slow
def test_python_prints_no_more_than_the_command_line(process, model_directory):
    code = (
        "from tf_pegasus import Summarizer\n"
        f"summarizer = Summarizer.from_pretrained({str(model_directory)!r})\n"
        "summarizer.summarize(['A fox.'], engine='xla', max_length=4)\n"
    )
    done = process(code=code, env={"TF_CPP_MIN_LOG_LEVEL": None})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
