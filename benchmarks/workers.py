"""Step time of one worker and of two, each on one core, against the cost model of docs/scaling.md.

    python benchmarks/workers.py

Two workers have twice the batch of one, so that only the exchange of gradients differs.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Vocabulary, width and layers: few and many bytes for the same number of gradients.
SHAPES = {"narrow": (2000, 64, 2), "wide": (8000, 256, 2)}
STEPS, WARMUP = 60, 8
BATCH, SOURCE, TARGET = 4, 64, 16


def train(shape):
    """Trains in this process; returns its seconds a step, its variables and their bytes."""
    import keras
    import tensorflow as tf

    from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration
    from tf_pegasus.training.workers import Workers

    workers = Workers("multiworker" if "TF_CONFIG" in os.environ else "none")
    vocab_size, width, layers = SHAPES[shape]
    with workers.scope():
        config = PegasusConfig(
            vocab_size=vocab_size,
            d_model=width,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_ffn_dim=4 * width,
            decoder_ffn_dim=4 * width,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
        )
        model = TFPegasusForConditionalGeneration(config)
        model.compile(keras.optimizers.SGD(1e-3))
    ids = tf.random.uniform((BATCH, SOURCE), 2, vocab_size, tf.int32)
    data = tf.data.Dataset.from_tensors((ids, ids[:, :TARGET])).repeat()
    if workers.count > 1:
        batches = data
        data = model.distribute_strategy.distribute_datasets_from_function(lambda _: batches)
    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.monotonic())

    model.fit(data, steps_per_epoch=STEPS, verbose=0, callbacks=[Clock()])
    seconds = [b - a for a, b in zip(times[WARMUP:], times[WARMUP + 1 :], strict=False)]
    variables = model.trainable_variables
    return {
        # The quickest steps say most on a machine that does other things, too.
        "seconds": statistics.mean(sorted(seconds)[: len(seconds) // 4]),
        "variables": len(variables),
        "bytes": 4 * model.num_parameters(only_trainable=True),
    }


def measure(shape, count):
    """Returns what `train` returns in the first of so many processes."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    started = []
    for index in range(count):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if count > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = ["taskset", "-c", str(index), sys.executable, __file__, "--shape", shape]
        started.append(
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
    outputs = [process.communicate()[0] for process in started]
    assert not any(process.returncode for process in started)
    return json.loads(outputs[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, help="train with it in this process")
    arguments = parser.parse_args()
    if arguments.shape:
        print(json.dumps(train(arguments.shape)))
        return
    for shape in SHAPES:
        alone, two = measure(shape, 1), measure(shape, 2)
        print(
            f"{shape}: {alone['variables']} variables, {alone['bytes'] / 1e6:.1f} MB; one worker "
            f"{1e3 * alone['seconds']:.1f} ms, two {1e3 * two['seconds']:.1f} ms a step",
            flush=True,
        )


if __name__ == "__main__":
    main()
