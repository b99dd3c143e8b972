"""Peak memory and time of training steps, with and without gradient checkpointing.

    python benchmarks/training_memory.py

Each setting trains in a separate process. Memory is the peak of the process minus its memory before
the first step, so that weights and optimizer are not counted.
"""

import argparse
import statistics
import subprocess
import sys

TRAIN = """
import resource, sys, time
import keras, numpy as np
from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration
layers, batch, length, checkpointing = map(int, sys.argv[1:])
config = PegasusConfig(
    vocab_size=8000, d_model=256, encoder_layers=layers, decoder_layers=layers,
    encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=1024,
    decoder_ffn_dim=1024, max_position_embeddings=1024, activation_function="relu",
)
model = TFPegasusForConditionalGeneration(config)
if checkpointing:
    model.gradient_checkpointing_enable()
model.compile(keras.optimizers.Adafactor(1e-3), jit_compile=False)
random = np.random.default_rng(0)
def data(rows, columns):
    return random.integers(2, 8000, (rows, columns))
# Traced and warmed up on one short row: long ones then only add activations.
model.train_on_batch({"input_ids": data(1, 8), "labels": data(1, 8)})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
inputs = {"input_ids": data(batch, length), "labels": data(batch, 64)}
times = []
for _ in range(4):
    start = time.perf_counter()
    model.train_on_batch(inputs)
    times.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((peak - before) / 1024, *times[1:])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    arguments = parser.parse_args()
    results = {}
    for checkpointing in (0, 1):
        numbers = (arguments.layers, arguments.batch, arguments.length, checkpointing)
        command = [sys.executable, "-c", TRAIN, *map(str, numbers)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        memory, *times = map(float, result.stdout.split())
        results[checkpointing] = (memory, statistics.median(times))
    print("| gradient checkpointing | peak memory per step | relative | time, relative |")
    print("|---|---|---|---|")
    for checkpointing, label in ((0, "off"), (1, "on")):
        memory, seconds = results[checkpointing]
        print(
            f"| {label} | {memory:,.0f} MiB | {memory / results[0][0]:.2f} "
            f"| {seconds / results[0][1]:.2f} |"
        )


if __name__ == "__main__":
    main()
