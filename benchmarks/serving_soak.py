"""Sends thousands of random requests to an exported model, from many threads at a time.

    python benchmarks/serving_soak.py [--requests 3000] [--threads 8] [--plot soak.png]

Texts are empty, blank, up to ten times as long as the model reads, arbitrary Unicode, bytes that
are not valid UTF-8, and full of NUL bytes and special tokens; requests have 1 to 64 of them. Each
row is compared with the result of its text alone. Exits with 1 if a row is wrong, a shape outside
the buckets was compiled, or memory still grows in the second half.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA dumps each program that it compiles if this is set before it is loaded; the files are counted.
_DUMPS = tempfile.TemporaryDirectory()
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={_DUMPS.name}"

import psutil  # noqa: E402

from tf_pegasus import Summarizer, export_saved_model  # noqa: E402
from tf_pegasus.bundled import bundled_model  # noqa: E402
from tf_pegasus.serving.served_model import ServedModel  # noqa: E402

WORDS = ["a", "program", "library", "that", "reads", "writes", "files", "of", "many", "formats"]
ODD = ["\x00", "<mask_1>", "</s>", "<pad>", "<n>", "\n", "\u202e", "\ufffd", "é", "日本", "🎉"]
# Scores of hypotheses this close are ties, of which either one may be returned.
TIE = 1e-3
MEBIBYTE = 2**20


def random_text(draw, longest):
    """Returns a random text, as bytes, up to ten times as long as the model reads."""
    # Short texts are more frequent, as in practice.
    words = int(draw.triangular(0, 1) ** 4 * 10 * longest)
    kind = draw.randrange(8)
    if kind == 0:
        return draw.choice(["", " ", "\n\t ", "\u3000"]).encode()
    if kind == 1:
        points = (draw.randrange(0x110000) for _ in range(words))
        return "".join(chr(p) for p in points if not 0xD800 <= p < 0xE000).encode()
    if kind == 2:
        return draw.randbytes(words)
    if kind == 3:
        return " ".join(draw.choice(WORDS + ODD) for _ in range(words)).encode()
    return " ".join(draw.choice(WORDS) for _ in range(words)).encode()


def compiled():
    """Returns the number of programs that XLA has compiled so far."""
    return len(list(Path(_DUMPS.name).glob("*before_optimizations.txt")))


class Soak:
    """Sends the requests and collects errors."""

    def __init__(self, served, signature, texts, expected, seed):
        self.served, self.signature = served, signature
        self.texts, self.expected, self.seed = texts, expected, seed
        self.lock = threading.Lock()
        self.rows = self.ties = self.done = 0
        self.wrong, self.memory = [], []

    def request(self, number):
        """Sends one request and compares its rows."""
        draw = random.Random(self.seed * 1_000_003 + number)
        chosen = [draw.randrange(len(self.texts)) for _ in range(draw.randint(1, 64))]
        answer = self.served.call(self.signature, text=[self.texts[i] for i in chosen])
        rows = zip(answer["summary"], answer["score"], answer["truncated"], strict=True)
        with self.lock:
            for i, (summary, score, truncated) in zip(chosen, rows, strict=True):
                theirs = self.expected[i]
                is_near = abs(score - theirs[1]) <= TIE * max(1, abs(theirs[1]))
                if not is_near or truncated != theirs[2]:
                    self.wrong.append((self.texts[i][:80], theirs, (summary, score, truncated)))
                self.ties += is_near and summary != theirs[0]
            self.rows += len(chosen)
            self.done += 1
            self.memory.append(psutil.Process().memory_info().rss)


def main():
    """Runs the soak test and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--served", help="exported model; the bundled model with 2 beams if absent")
    parser.add_argument("--plot", metavar="PNG")
    parser.add_argument("--signature", default="serving_default")
    arguments = parser.parse_args()
    signature = arguments.signature
    with tempfile.TemporaryDirectory() as scratch:
        path = arguments.served
        if path is None:
            summarizer = Summarizer.from_pretrained(bundled_model())
            path = export_saved_model(summarizer, scratch, num_beams=2, max_length=16, warmup=True)
        served = ServedModel(path)
        start = time.perf_counter()
        served.warm_up()
        warm = compiled()
        longest = served.manifest["length_buckets"][-1]
        draw = random.Random(arguments.seed)
        texts = [random_text(draw, longest) for _ in range(arguments.texts)]
        alone = [served.call(signature, text=[text]) for text in texts]
        expected = [(a["summary"][0], a["score"][0], a["truncated"][0]) for a in alone]
        soak = Soak(served, signature, texts, expected, arguments.seed)
        with ThreadPoolExecutor(arguments.threads) as pool:
            for _ in pool.map(soak.request, range(arguments.requests)):
                pass
    seconds = time.perf_counter() - start
    half = len(soak.memory) // 2
    peaks = [max(soak.memory[:half]), max(soak.memory[half:])]
    buckets = len(served.manifest["batch_buckets"]) * len(served.manifest["length_buckets"])
    print("| check | count |\n|---|---|")
    for check, count in (
        ("requests", soak.done),
        ("rows", soak.rows),
        ("different texts", len(texts)),
        ("of them truncated", sum(truncated for _, _, truncated in expected)),
        ("threads", arguments.threads),
        ("wrong rows", len(soak.wrong)),
        ("rows with another summary of the same score", soak.ties),
        ("pairs of buckets", buckets),
        ("programs compiled while warming up", warm),
        ("programs compiled later", compiled() - warm),
        ("peak memory of the first half, MiB", peaks[0] // MEBIBYTE),
        ("peak memory of the second half, MiB", peaks[1] // MEBIBYTE),
        ("seconds", round(seconds)),
    ):
        print(f"| {check} | {count:,} |")
    for wrong in soak.wrong[:5]:
        print(wrong, file=sys.stderr)
    if arguments.plot:
        plot(soak.memory, arguments.plot)
    grows = peaks[1] > 1.05 * peaks[0]
    return int(bool(soak.wrong) or compiled() != warm or grows)


def plot(memory, path):
    """Plots memory against requests."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([value / MEBIBYTE for value in memory])
    top = 1.25 * max(memory) / MEBIBYTE
    axes.set(xlabel="requests", ylabel="resident memory, MiB", ylim=(0, top))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
