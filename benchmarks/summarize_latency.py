"""Relative latency of `summarize` for one document and for a batch, by engine.

    python benchmarks/summarize_latency.py [--model DIR] [--repeats 7]

Each engine is warmed up first. Then the engines take turns, so that a busy machine slows all of
them alike, and medians are compared.
"""

import argparse
import os
import platform
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tf_pegasus import Summarizer
from tf_pegasus.bundled import bundled_model

DOCUMENT = (
    "Tiny Time is a small program that keeps track of the hours you spend on your projects. You "
    "start and stop a timer from the command line, give each stretch of work a name, and print a "
    "report for the day, the week or the month."
)
ENGINES = ("xla", "graph")
BATCHES = (1, 8)


def seconds(function):
    """Runs `function` and returns the seconds that it took."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    summarizer = Summarizer.from_pretrained(arguments.model or bundled_model())
    first, warm = {}, {}
    for engine in ENGINES:
        for batch in BATCHES:

            def call(engine=engine, batch=batch):
                summarizer.summarize([DOCUMENT] * batch, batch_size=batch, engine=engine)

            first[engine, batch] = seconds(call)
            warm[engine, batch] = call
    times = {key: [] for key in warm}
    for _ in range(arguments.repeats):
        for key, call in warm.items():
            times[key].append(seconds(call))
    medians = {key: statistics.median(values) for key, values in times.items()}
    base = medians["xla", 1]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"num_beams={summarizer.model.generation_config.num_beams}\n")
    print("| engine | batch | first call | warm, median | per document, relative to xla, 1 |")
    print("|---|---|---|---|---|")
    for (engine, batch), median in medians.items():
        print(
            f"| {engine} | {batch} | {first[engine, batch]:.2f} s | {1000 * median:.0f} ms "
            f"| {median / batch / base:.2f} |"
        )


if __name__ == "__main__":
    main()
