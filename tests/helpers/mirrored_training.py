"""Trains on two logical CPUs: mirrored_training.py ARGUMENTS.json; prints the losses as JSON."""

import json
import sys
from pathlib import Path

import tensorflow as tf

from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.train import train

if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    # By itself it takes GPUs, or one CPU.
    mirrored = tf.distribute.MirroredStrategy
    tf.distribute.MirroredStrategy = lambda: mirrored(["CPU:0", "CPU:1"])
    arguments = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(train(TrainingArguments.from_flags(**arguments))))
