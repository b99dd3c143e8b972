"""Kills trainings and exports at random moments, repeats them, and looks at what is there then.

    python tools/kill_runs.py [--count N] [--seed N] [train] [disk] [export]

A killed and resumed training must end with the very weights and the table of losses of one that
ran through, also where a second process tries to use its directory, and where the disk is full
again and again (`disk`, as root, who can mount a small one); exports must be whole, numbered
without doubles; and nothing may lie around.
"""

import argparse
import contextlib
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
    *("--ema-momentum", "0.9", "--average-last", "3"),
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
        self.kills = self.finished = self.refused = self.full = 0

    def __str__(self):
        counts = {
            "kills": self.kills,
            "ended before": self.finished,
            "second processes refused": self.refused,
            "full disks": self.full,
        }
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)

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

    def kill_training(self, arguments, most, with_rival=False):
        """Runs a training and kills it in one of its first `most` intervals, or before.

        Args:
            arguments: of `tf-pegasus`.
            most: int.
            with_rival: bool, whether to start it again meanwhile, which must be refused.
        """
        command = _command(arguments)
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
            left = self._random.randint(0, most)
            if left:
                for line in started.stdout:
                    left -= line.startswith("Epoch ")
                    if not left:
                        break
            if left == 0 and with_rival and started.poll() is None:
                self._try_at_once(command, started)
            time.sleep(self._random.uniform(0, 0.3 if started.poll() is None else 0))
            if started.poll() is None:
                started.send_signal(signal.SIGKILL)
                self.kills += 1
            else:
                self.finished += 1

    def _try_at_once(self, command, started):
        rival = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if started.poll() is None:
            assert rival.returncode == 1, rival
            assert "is in use by process" in rival.stderr, rival.stderr
            self.refused += 1

    def fill_disk(self, arguments, most_bytes):
        """Runs a training on a disk with less than `most_bytes`, and looks at what it says."""
        with _small_disk(Path(arguments[-1]).parent, self._random.randint(2**16, most_bytes)):
            done = subprocess.run(
                _command(arguments), cwd=ROOT, capture_output=True, text=True, check=False
            )
        if done.returncode == 0:
            self.finished += 1
            return
        assert done.returncode == 1, done
        assert done.stderr.count("\n") == 1, done.stderr
        assert "No space left on device" in done.stderr, done.stderr
        self.full += 1


@contextlib.contextmanager
def _small_disk(mounted, size):
    """Limits the file system that is mounted there to so many bytes, at least what it has."""
    used = sum(path.stat().st_blocks * 512 for path in mounted.rglob("*") if path.is_file())
    _mount("remount", mounted, max(size, used + 2**14))
    try:
        yield
    finally:
        _mount("remount", mounted, 2**30)


def _mount(option, directory, size):
    options = f"{option},size={size}"
    command = ["mount", "-t", "tmpfs", "-o", options.strip(","), "tmpfs", str(directory)]
    subprocess.run(command, check=True)


def _command(arguments):
    return [sys.executable, "-m", "tf_pegasus", *map(str, arguments)]


def check_training(directory, count, seed, epochs=None):
    """Kills one training `count` times, with a second process at every fourth time."""
    # Long enough for all of the kills.
    command = _training(directory, epochs or 4 + 2 * count)
    killer = Killer(seed)
    killer.run((*command, directory / "whole"))
    for number in range(count):
        killer.kill_training((*command, directory / "killed"), 4, with_rival=number % 4 == 1)
    killer.run((*command, directory / "killed"))
    _check_same(directory / "killed", directory / "whole")
    return killer


def check_full_disks(directory, count, seed):
    """Lets the disk of one training be full `count` times."""
    command = _training(directory, epochs=4)
    killer = Killer(seed)
    killer.run((*command, directory / "whole"))
    size = sum(len(content) for content in _files(directory / "whole").values())
    disk = directory / "disk"
    disk.mkdir()
    _mount("", disk, 2**30)
    try:
        for _ in range(count):
            killer.fill_disk((*command, disk / "run"), size)
        killer.run((*command, disk / "run"))
        _check_same(disk / "run", directory / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return killer


def _training(directory, epochs):
    """Writes the data of a training; returns its command, to which its directory is added."""
    generator = random.Random(0)
    for name, lines in (("train", 200), ("validation", 16)):
        with (directory / f"{name}.jsonl").open("w") as file:
            for _ in range(lines):
                words = generator.choices(WORDS, k=12)
                record = {"document": " ".join(words), "summary": " ".join(words[:3])}
                file.write(json.dumps(record) + "\n")
    files = ("--train-file", directory / "train.jsonl")
    files += ("--validation-file", directory / "validation.jsonl", "--epochs", epochs)
    return ("train", *files, *TRAINING, "--output-dir")


def _check_same(directory, expected):
    whole, found = _files(expected), _files(directory)
    assert set(whole) == set(found), set(whole) ^ set(found)
    # Exactly, but for the checkpoint, whose file has the time in it, and the directory's name.
    own = ("training/config.yaml", "training/command.txt")
    for name, content in whole.items():
        if not name.startswith("training/checkpoint/") and name not in own:
            assert found[name] == content, f"{name} differs"


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
    checks = {"train": check_training, "disk": check_full_disks, "export": check_exports}
    for name in arguments.what:
        with tempfile.TemporaryDirectory() as directory:
            killer = checks[name](Path(directory), arguments.count, arguments.seed)
        print(f"{name}: {killer}: all well", flush=True)


if __name__ == "__main__":
    main()
