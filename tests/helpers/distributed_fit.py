"""Trains as Keras documents it for several devices: distributed_fit.py STRATEGY OUTPUT.npz

STRATEGY is none, mirrored (two logical CPUs) or multiworker (with TF_CONFIG).
"""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import TFPegasusForConditionalGeneration


def scope(strategy):
    if strategy == "none":
        return contextlib.nullcontext()
    if strategy == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy().scope()
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()


def examples():
    """Sources, labels and weights; the replicas' halves of a batch differ in their tokens."""
    random = np.random.default_rng(0)
    sources = random.integers(2, 60, (8, 7)).astype("int32")
    labels = random.integers(2, 60, (8, 4)).astype("int32")
    labels[[1, 5, 6], 2:] = -100
    dataset = tf.data.Dataset.from_tensor_slices(
        ({"input_ids": sources}, labels, np.linspace(0, 2, 8, dtype="float32"))
    )
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.batch(4).with_options(options)


def train(strategy):
    """Returns losses, metrics and final weights, by name."""
    with scope(strategy):
        keras.utils.set_random_seed(0)
        model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0))
        # Where gradients are clipped, and batches are divided, shows that the devices act as one.
        optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.1)
        parts = 1 if strategy == "none" else 2
        model.compile(optimizer, metrics=["sparse_categorical_accuracy"], micro_batches=parts)
    history = model.fit(examples(), epochs=3, verbose=0, validation_data=examples()).history
    return history | {f"weight {i}": value for i, value in enumerate(model.get_weights())}


if __name__ == "__main__":
    np.savez(sys.argv[2], **train(sys.argv[1]))
