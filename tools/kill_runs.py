"""Kills trainings and exports at random moments, repeats them, and looks at what is there then.

    python tools/kill_runs.py [--count N] [--seed N] [train] [export]

A killed and resumed training must end with the very weights and the table of losses of one that
ran through; exports must be whole, numbered without doubles; and nothing may lie around.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRAINING = (
    *("--vocab-size", "38", "--d-model", "16", "--layers", "1", "--heads", "2", "--ffn-dim", "16"),
    *("--max-source-length", "32", "--max-target-length", "8", "--batch-size", "8"),
    *("--eval-steps", "5", "--optimizer", "adamw", "--learning-rate", "0.003"),
)
WORDS = [
    "the",
    "a",
    "fox",
    "dog",
    "cat",
    "bird",
    "sees",
    "hears",
    "eats",
    "finds",
    "red",
    "small",
    "old",
    "quick",
    "house",
    "tree",
]


class Killer:
    """Runs commands to their end, or to a kill.

    Args:
        seed: int, of the moments.
    """

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.kills = self.finished = 0

    def run(self, arguments):
        """Runs `tf-pegasus` to its end; returns the seconds that it took."""
        start = time.monotonic()
        subprocess.run(_command(arguments), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    def kill(self, arguments, earliest, latest):
        """Runs `tf-pegasus` and kills it after so many seconds, unless it has ended then."""
        with subprocess.Popen(_command(arguments), cwd=ROOT, stdout=subprocess.DEVNULL) as started:
            try:
                code = started.wait(self._random.uniform(earliest, latest))
            except subprocess.TimeoutExpired:
                started.send_signal(signal.SIGKILL)
                self.kills += 1
            else:
                self.finished += 1
                assert code == 0, f"{arguments} exited with {code}"

    def kill_training(self, arguments, most):
        """Runs a training and kills it in one of its first `most` intervals, or before."""
        command = _command(arguments)
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
            left = self._random.randint(0, most)
            if left:
                for line in started.stdout:
                    left -= line.startswith("Epoch ")
                    if not left:
                        break
            time.sleep(self._random.uniform(0, 0.3 if started.poll() is None else 0))
            if started.poll() is None:
                started.send_signal(signal.SIGKILL)
                self.kills += 1
            else:
                self.finished += 1


def _command(arguments):
    return [sys.executable, "-m", "tf_pegasus", *map(str, arguments)]


def check_training(directory, count, seed, epochs=4):
    """Kills one training `count` times; returns how often it was running when it was killed."""
    generator = random.Random(0)
    for name, lines in (("train", 200), ("validation", 16)):
        with (directory / f"{name}.jsonl").open("w") as file:
            for _ in range(lines):
                words = generator.choices(WORDS, k=12)
                record = {"document": " ".join(words), "summary": " ".join(words[:3])}
                file.write(json.dumps(record) + "\n")
    files = ("--train-file", directory / "train.jsonl")
    files += ("--validation-file", directory / "validation.jsonl", "--epochs", epochs)
    command = ("train", *files, *TRAINING, "--output-dir")
    killer = Killer(seed)
    killer.run((*command, directory / "whole"))
    for _ in range(count):
        killer.kill_training((*command, directory / "killed"), most=4)
    killer.run((*command, directory / "killed"))
    whole, killed = (_files(directory / name) for name in ("whole", "killed"))
    assert set(whole) == set(killed), set(whole) ^ set(killed)
    # Exactly, but for the checkpoint: its file has the time in it.
    for name, content in whole.items():
        if not name.startswith("training/checkpoint/"):
            assert killed[name] == content, f"{name} differs"
    return killer


def check_exports(directory, count, seed):
    """Kills `count` exports, then looks at what versions there are."""
    from tf_pegasus.serving.manifest import check, versions

    command = ("export", directory, "--engine", "graph", "--no-warmup", "--batch-buckets", "1")
    command += ("--length-buckets", "16", "--num-beams", "1", "--max-length", "4")
    killer = Killer(seed)
    seconds = killer.run(command)
    for _ in range(count):
        killer.kill(command, 0.3 * seconds, 1.1 * seconds)
    killer.run(command)
    found = versions(directory)
    # Each that came to its end, perhaps just before it was killed, and none twice.
    assert found == list(range(1, len(found) + 1)), found
    assert 2 + killer.finished <= len(found) <= 2 + count
    for number in found:
        check(directory / str(number))
    left = {path.name for path in directory.iterdir()} - set(map(str, found))
    assert not left, left
    return killer


def _files(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["train", "export"])
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    checks = {"train": check_training, "export": check_exports}
    for name in arguments.what:
        with tempfile.TemporaryDirectory() as directory:
            killer = checks[name](Path(directory), arguments.count, arguments.seed)
        print(f"{name}: {killer.kills} kills, {killer.finished} ended before: all well", flush=True)


if __name__ == "__main__":
    main()
