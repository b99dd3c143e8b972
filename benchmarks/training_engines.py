"""Runs one engine of `training.py`, in a separate process (and possibly environment).

    python benchmarks/training_engines.py '{"engine": …, "model": DIR, "batch": 8, …}'

Prints a line of JSON: the seconds until the end of the first step, tracing and compiling included,
and those of each later step, each as wall time and as processor time of all threads; the first and
last loss; and the peak memory of weights, optimizer and steps, without the memory that the process
used after importing the libraries.

All engines train with AdamW and gradients clipped to the norm 1, on the same batch at every step.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from generation_engines import peak_bytes

LEARNING_RATE, WEIGHT_DECAY, EPSILON, BETAS, GRAD_NORM = 1e-4, 0.01, 1e-9, (0.9, 0.98), 1.0


def ours(task, dtype, jit_compile):
    """Trains with this package's `fit`, with a dtype policy of Keras."""
    import keras

    from tf_pegasus import TFPegasusForConditionalGeneration
    from tf_pegasus.training.optimizers import create_optimizer

    before = peak_bytes()
    model = TFPegasusForConditionalGeneration.from_pretrained(task["model"], dtype=dtype)
    optimizer = create_optimizer("adamw", LEARNING_RATE, max_grad_norm=GRAD_NORM)
    model.compile(optimizer, jit_compile=jit_compile)
    return before, fit_steps(keras, model, batch(task), task["steps"])


def transformers_tf(task):
    """Trains with `fit` of the TensorFlow class of transformers 4.34.1."""
    import tensorflow as tf
    from transformers import AdamWeightDecay, TFPegasusForConditionalGeneration

    before = peak_bytes()
    model = TFPegasusForConditionalGeneration.from_pretrained(task["model"])
    optimizer = AdamWeightDecay(
        LEARNING_RATE,
        *BETAS,
        epsilon=EPSILON,
        weight_decay_rate=WEIGHT_DECAY,
        global_clipnorm=GRAD_NORM,
    )
    model.compile(optimizer)
    return before, fit_steps(tf.keras, model, batch(task), task["steps"])


def fit_steps(keras, model, data, steps):
    """Trains with Keras' `fit` on one batch.

    Returns:
        The time before, and for each step the time after it and its loss.
    """
    import tensorflow as tf

    clock = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            # Keras logs the mean of all steps so far.
            loss = (batch + 1) * float(logs["loss"]) - sum(entry[2] for entry in clock)
            clock.append((*now(), loss))

    dataset = tf.data.Dataset.from_tensors(data).repeat(steps)
    start = now()
    model.fit(dataset, epochs=1, verbose=0, callbacks=[Clock()])
    return start, clock


def pytorch(task, autocast):
    """Trains the PyTorch class of transformers 4.57 with PyTorch's fused AdamW."""
    import contextlib

    import torch
    from transformers import PegasusForConditionalGeneration

    torch.set_num_threads(task["threads"])
    before = peak_bytes()
    model = PegasusForConditionalGeneration.from_pretrained(task["model"]).train()
    optimizer = torch.optim.AdamW(
        model.parameters(),
        LEARNING_RATE,
        betas=BETAS,
        eps=EPSILON,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    data = {name: torch.tensor(ids, dtype=torch.int64) for name, ids in batch(task).items()}
    clock = []
    start = now()
    for _ in range(task["steps"]):
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            loss = model(**data).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad()
        clock.append((*now(), float(loss)))
    return before, (start, clock)


def batch(task):
    """Returns random ids, the same for every engine."""
    vocab_size = json.loads((Path(task["model"]) / "config.json").read_text())["vocab_size"]
    random = np.random.default_rng(0)

    def ids(length):
        return random.integers(106, vocab_size, (task["batch"], length)).astype("int32")

    return {
        "input_ids": ids(task["source"]),
        "attention_mask": np.ones((task["batch"], task["source"]), "int32"),
        "labels": ids(task["target"]),
    }


def now():
    """Returns wall time and processor time, in seconds."""
    return time.perf_counter(), time.process_time()


ENGINES = {"ours": ours, "transformers-tf": transformers_tf, "pytorch": pytorch}


def measure(task):
    """Runs one engine and returns the results for `training.py`."""
    kind, *arguments = task["engine"]
    before, (start, clock) = ENGINES[kind](task, *arguments)
    times = np.array([start, *(entry[:2] for entry in clock)])
    wall, processor = np.diff(times, axis=0).T.tolist()
    return {
        "first": wall[0],
        "first_cpu": processor[0],
        "steps": wall[1:],
        "steps_cpu": processor[1:],
        "losses": [clock[0][2], clock[-1][2]],
        "bytes": peak_bytes() - before,
    }


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
