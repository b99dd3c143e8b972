"""Latency of one replica by requests per second, with arrivals independent of answers.

    python benchmarks/serving_load.py [--seconds 20] [--engine xla] [--plot load.png]

Single documents arrive at random (Poisson) times, independent of earlier answers, and are batched
by TensorFlow's batch scheduler, which TF Serving uses, with the export's `batching_parameters.txt`.
The rates are shares of the rate at which the replica is never idle. Unlike in a real server, there
is no network and no protocol.
"""

import argparse
import os
import random
import re
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import psutil
import tensorflow as tf

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.bundled import bundled_model
from tf_pegasus.serving.export import EXPORT_ENGINES
from tf_pegasus.serving.served_model import ServedModel
from tf_pegasus.serving.weights import WEIGHTS

SHARES = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0)
CLIENTS = 64
WORDS = (Path(__file__).parent.parent / "samples" / "article.txt").read_text().split()


def document(draw):
    """Returns a text with as many words as package descriptions: 54 on average, rarely many."""
    words = max(5, min(400, round(draw.lognormvariate(3.7, 0.75))))
    start = draw.randrange(len(WORDS))
    return " ".join((WORDS * 12)[start : start + words])


def batched(served):
    """Returns a function of one document, with batching as the export configures it."""
    signature = served._loaded.signatures["serving_default"]
    text = (served.path / "assets.extra" / "batching_parameters.txt").read_text()
    value = {name: int(number) for name, number in re.findall(r"(\w+) \{ value: (\d+)", text)}

    @tf.nondifferentiable_batch_function(
        num_batch_threads=value["num_batch_threads"],
        max_batch_size=value["max_batch_size"],
        batch_timeout_micros=value["batch_timeout_micros"],
        max_enqueued_batches=value["max_enqueued_batches"],
        allowed_batch_sizes=list(map(int, re.findall(r"allowed_batch_sizes: (\d+)", text))),
    )
    def summaries(text):
        return signature(text=text)["summary"]

    return tf.function(
        summaries, input_signature=[tf.TensorSpec((None,), tf.string)]
    ).get_concrete_function()


def closed_loop(function, documents, seconds):
    """Returns documents per second if there is always one waiting."""
    end, done = time.perf_counter() + seconds, []

    def client(number):
        draw = random.Random(number)
        while time.perf_counter() < end:
            function(tf.constant([draw.choice(documents)]))
            done.append(1)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done) / (time.perf_counter() - start)


def open_loop(function, documents, rate, seconds):
    """Sends documents at `rate` per second.

    Returns:
        Latencies in seconds, and documents answered per second.
    """
    draw, latencies = random.Random(0), []
    start = time.perf_counter()

    def request(arrival, text):
        function(tf.constant([text]))
        latencies.append(time.perf_counter() - arrival)

    with ThreadPoolExecutor(1000) as pool:
        arrival = start
        while (arrival := arrival + draw.expovariate(rate)) < start + seconds:
            time.sleep(max(0.0, arrival - time.perf_counter()))
            pool.submit(request, arrival, draw.choice(documents))
    return latencies, len(latencies) / (time.perf_counter() - start)


def percentile(values, share):
    """Returns the value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each rate")
    parser.add_argument("--engine", choices=EXPORT_ENGINES, default="xla")
    parser.add_argument("--weights", choices=WEIGHTS)
    parser.add_argument("--num-beams", type=int)
    parser.add_argument("--batch-buckets", type=int, nargs="+")
    parser.add_argument("--plot", metavar="PNG")
    arguments = parser.parse_args()
    draw = random.Random(1)
    documents = [document(draw) for _ in range(500)]
    with tempfile.TemporaryDirectory() as scratch:
        path = export_saved_model(
            Summarizer.from_pretrained(bundled_model()),
            scratch,
            engine=arguments.engine,
            weights=arguments.weights,
            batch_buckets=arguments.batch_buckets,
            num_beams=arguments.num_beams,
        )
        served = ServedModel(path)
        served.warm_up()
        function = batched(served)
    closed_loop(function, documents, 3)
    capacity = closed_loop(function, documents, arguments.seconds)
    memory = psutil.Process().memory_info().rss / 2**20
    print(
        f"{os.cpu_count()} cores; {statistics.mean(len(d.split()) for d in documents):.0f} words a "
        f"document; never idle: {capacity:.1f} documents/s; {memory:,.0f} MiB\n"
    )
    print("| share of that | documents/s | median | 95 % | 99 % |\n|---|---|---|---|---|")
    points = []
    for share in SHARES:
        latencies, rate = open_loop(function, documents, share * capacity, arguments.seconds)
        values = [1000 * percentile(latencies, p) for p in (0.5, 0.95, 0.99)]
        points.append((rate, values))
        cells = " | ".join(f"{value:,.0f} ms" for value in values)
        print(f"| {share:.0%} | {rate:.1f} | {cells} |", flush=True)
    if arguments.plot:
        plot(points, arguments.plot)


def plot(points, path):
    """Draws the latencies against the rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    rates = [rate for rate, _ in points]
    for i, name in enumerate(("median", "95 %", "99 %")):
        axes.plot(rates, [values[i] for _, values in points], marker="o", label=name)
    axes.set(xlabel="documents per second", ylabel="latency, ms", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
