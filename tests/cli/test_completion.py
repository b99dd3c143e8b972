import shutil
import subprocess

import pytest

from tf_pegasus.cli.main import main

# Completes the given words in a shell that has sourced the script.
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_tf_pegasus
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(tmp_path, capsys):
    """Writes the completion script of a shell to a file."""

    def write(shell):
        with pytest.raises(SystemExit) as stop:
            main(["--completion", shell])
        assert stop.value.code == 0
        path = tmp_path / f"_{shell}"
        path.write_text(capsys.readouterr().out)
        return path

    return write


@pytest.fixture
def complete(script):
    """Completes the last of the given words in bash."""
    path = script("bash")

    def complete_words(*words):
        command = ["bash", "-c", BASH, "-", path, "tf-pegasus", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split()

    return complete_words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sum"], ["summarize"]),
        (["--ver"], ["--version"]),
        (["summarize", "--engine", ""], ["xla", "graph", "eager"]),
        (["train", "--precision", "mixed"], ["mixed_bfloat16", "mixed_float16"]),
        (["train", "--vocab-s"], ["--vocab-size"]),
        (["export", "--weights", "int"], ["int8"]),
        (["convert", "--to", "orig"], ["original"]),
        (["corpus", "deb"], ["debian"]),
    ],
)
def test_commands_flags_and_choices(complete, words, expected):
    assert complete(*words) == expected


def test_files(complete, tmp_path, monkeypatch):
    (tmp_path / "report.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert complete("summarize", "rep") == ["report.txt"]
    assert complete("train", "--train-file", "rep") == ["report.txt"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh(script):
    subprocess.run(["zsh", "-n", script("zsh")], check=True)
