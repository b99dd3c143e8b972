import os
import subprocess
import sys
from pathlib import Path

import pytest

from tf_pegasus.cli.main import main

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(model_directory, capsys, monkeypatch):
    """Runs `tf-pegasus` in this process, with the tiny model unless another one is given.

    Returns exit code, standard output and standard error.
    """

    def run_command(*arguments, stdin=None):
        if stdin is not None:
            read_end, write_end = os.pipe()
            os.write(write_end, stdin)
            os.close(write_end)
            monkeypatch.setattr("sys.stdin", os.fdopen(read_end))
        arguments = list(map(str, arguments))
        if arguments[0] in ("summarize", "evaluate") and "--model" not in arguments:
            arguments += ["--model", str(model_directory), "--engine", "graph"]
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def usage_error(capsys):
    """Runs `tf-pegasus` with wrong arguments; returns the message on standard error."""

    def run_command(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(list(map(str, arguments)))
        assert stop.value.code == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    return run_command


@pytest.fixture
def expected(summarizer):
    return lambda texts, **options: summarizer.summarize(texts, engine="graph", **options)


@pytest.fixture
def process():
    """Runs `tf-pegasus` in a separate process; see `subprocess.run` for the options.

    `code` is run instead of the command, and `shell` runs the command, if they are given. A
    variable of `env` that is None is unset.
    """

    def run_process(*arguments, code=None, shell=None, **options):
        command = [sys.executable, *(["-c", code] if code else ["-m", "tf_pegasus"])]
        command += map(str, arguments)
        if shell is not None:
            command = ["bash", "-c", shell, "-", *command]
        options = {"capture_output": True, "text": True, "check": False, "timeout": 300, **options}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        environment = {name: value for name, value in environment.items() if value is not None}
        return subprocess.run(command, env=environment, **options)

    return run_process
