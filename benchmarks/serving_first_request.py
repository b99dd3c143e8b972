"""Latency of the first requests, with and without the export's warm-up requests.

    python benchmarks/serving_first_request.py [--repeats 3]

Each row is a fresh process that loads the bundled model's export, replays the warm-up or not, and
sends three requests: first a short document, then a long one, then sixteen. Prints medians over the
repeats, for these requests and for the same requests once they are warm.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.bundled import bundled_model
from tf_pegasus.serving.served_model import ServedModel

ARTICLE = (Path(__file__).parent.parent / "samples" / "article.txt").read_text()
REQUESTS = {"one short": [ARTICLE[:100]], "one long": [ARTICLE * 4], "sixteen": [ARTICLE] * 16}


def seconds(function):
    """Runs `function` and returns the seconds that it took."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(path, warms_up):
    """Returns the measurements of one process: a dict of seconds."""
    times = {}
    start = time.perf_counter()
    served = ServedModel(path)
    times["load"] = time.perf_counter() - start
    times["warm-up"] = seconds(served.warm_up) if warms_up else 0.0
    for name, texts in REQUESTS.items():

        def call(texts=texts):
            served.call(text=texts)

        times[f"first, {name}"] = seconds(call)
        times[f"later, {name}"] = statistics.median(seconds(call) for _ in range(5))
    return times


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        path, warms_up = arguments.measure
        print(json.dumps(measure(path, warms_up == "True")))
        return
    names = [f"{when}, {name}" for name in REQUESTS for when in ("first", "later")]
    with tempfile.TemporaryDirectory() as scratch:
        paths = {
            engine: export_saved_model(
                Summarizer.from_pretrained(bundled_model()), Path(scratch, engine), engine=engine
            )
            for engine in ("xla", "graph")
        }
        columns = ["load", "warm-up", *names]
        print("| engine | warm-up | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 2))
        for engine, path in paths.items():
            for warms_up in (False, True):
                command = [sys.executable, __file__, "--measure", str(path), str(warms_up)]
                runs = [
                    json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
                    for _ in range(arguments.repeats)
                ]
                medians = [statistics.median(run[column] for run in runs) for column in columns]
                cells = [f"{1000 * value:,.0f} ms" if value else "" for value in medians]
                replay = "replayed" if warms_up else "none"
                print(f"| {engine} | {replay} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
