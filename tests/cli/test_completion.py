import shutil
import subprocess

import pytest

from tf_pegasus.cli.completion import completion_script

# Completes the words it is given, in a shell that has read the script.
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_tf_pegasus
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    script = tmp_path_factory.mktemp("completion") / "bash"
    script.write_text(completion_script("bash"))

    def complete_words(*words):
        command = ["bash", "-c", BASH, "-", script, "tf-pegasus", *words]
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
def test_zsh(tmp_path):
    (tmp_path / "_tf-pegasus").write_text(completion_script("zsh"))
    subprocess.run(["zsh", "-n", str(tmp_path / "_tf-pegasus")], check=True)
