"""Devices and machines that train one model together."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf


class WorkerLostError(RuntimeError):
    """Another worker ended or cannot be reached."""


class Workers:
    """The strategy of a training, and which worker of it this process is.

    Args:
        name: `"none"`; `"mirrored"`, all local devices; or `"multiworker"`, the machines in the
            environment variable `TF_CONFIG`, see
            https://www.tensorflow.org/guide/distributed_training. Each of them runs the same
            command, and sees the same files. The first is the chief, which alone writes.

    Attributes:
        count: int, number of workers.
        index: int, which of them this is.

    Raises:
        ValueError: if `TF_CONFIG` is missing, or no cluster of workers.
    """

    def __init__(self, name: str):
        self.count, self.index = 1, 0
        self._strategy: Any = None
        if name == "mirrored":
            self._strategy = tf.distribute.MirroredStrategy()
        elif name == "multiworker":
            self.count, self.index = _cluster()
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        self._sum = tf.function(self._sum_of_all, input_signature=[tf.TensorSpec(())])

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the context in which the model is made."""
        return contextlib.nullcontext() if self._strategy is None else self._strategy.scope()

    @property
    def devices(self) -> int:
        """int, number of devices of all workers."""
        return 1 if self._strategy is None else self._strategy.num_replicas_in_sync

    def any(self, value: bool) -> bool:
        """Returns whether the value is true for any worker; all of them must call it."""
        return self.sum(value) > 0

    def sum(self, value: float) -> float:
        """Returns the sum of the workers' values; all of them must call it."""
        return value if self.count == 1 else float(self._sum(tf.constant(value, tf.float32)))

    def mean(self, value: float) -> float:
        """Returns the mean of the workers' values, so that they decide alike."""
        return self.sum(value) / self.count

    def distribute(self, make: Callable[..., tf.data.Dataset], batch_size: int) -> Any:
        """Returns batches for `fit`, and their `DatasetStatistics`.

        Args:
            make: function with the arguments `batch_size`, `num_shards` and `shard_index` of
                `summarization_dataset`, which returns a dataset.
            batch_size: int, examples of a step of all workers.

        Raises:
            ValueError: if the batch cannot be divided evenly among the devices of all workers.
        """
        if self.count == 1:
            # `fit` divides the batches.
            dataset = make(batch_size=batch_size, num_shards=1, shard_index=0)
            return dataset, dataset.statistics
        devices = self._strategy.num_replicas_in_sync
        if batch_size % devices:
            raise ValueError(
                f"{batch_size} examples a step cannot be divided among {devices} devices of "
                f"{self.count} workers: change batch_size"
            )
        local = devices // self.count
        datasets = [
            make(
                batch_size=batch_size // devices,
                num_shards=devices,
                shard_index=self.index * local + number,
            )
            for number in range(local)
        ]
        # The devices take turns.
        turns = tf.data.Dataset.range(local).repeat()
        dataset = tf.data.Dataset.choose_from_datasets(datasets, turns)
        distributed = self._strategy.distribute_datasets_from_function(lambda _: dataset)
        return distributed, datasets[0].statistics

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Raises `WorkerLostError` for the errors of TensorFlow that say so in many lines."""
        lost = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        try:
            yield
        except lost as error:
            if self.count == 1:
                raise
            raise WorkerLostError(
                "a worker was lost: start all of them again to resume after the last validation"
            ) from error

    @contextlib.contextmanager
    def checkpoint_directory(self, directory: Path) -> Iterator[Path]:
        """Yields where this worker saves checkpoints.

        All workers must save, since some variables are the sum of their parts; what the others
        write is thrown away.
        """
        if self.is_chief:
            yield directory
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)

    def _sum_of_all(self, value):
        parts = self._strategy.run(lambda: value / self._replicas_of_a_worker())
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None)

    def _replicas_of_a_worker(self):
        return self._strategy.num_replicas_in_sync // self.count


def _cluster():
    """Returns number and index of the worker that `TF_CONFIG` describes."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ValueError(
            "strategy='multiworker' needs the environment variable TF_CONFIG, such as "
            '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, '
            '"task": {"type": "worker", "index": 0}}'
        )
    try:
        config = json.loads(text)
        task, workers = config["task"], config["cluster"]["worker"]
        others = set(config["cluster"]) - {"worker"}
        index = int(task["index"])
        is_known = task["type"] == "worker" and 0 <= index < len(workers)
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"TF_CONFIG={text!r} is no description of a cluster: {error!r}") from error
    if others or not is_known:
        raise ValueError(f"TF_CONFIG={text!r} must have workers only, and the index of one of them")
    return len(workers), index
