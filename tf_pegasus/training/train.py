"""Trains a model from files of documents and summaries."""

import functools
import itertools
import math
import sys
from pathlib import Path

import keras

from tf_pegasus.data.dataset import summarization_dataset
from tf_pegasus.data.rows import Rows
from tf_pegasus.evaluation.rouge_callback import RougeCallback
from tf_pegasus.training.averaging import KeepLast, WeightAverage, set_average
from tf_pegasus.training.callbacks import KeepBest, TimeLeft
from tf_pegasus.training.command import repeating_command
from tf_pegasus.training.config import GENERATION
from tf_pegasus.training.config_file import dump
from tf_pegasus.training.divergence import StopAtDivergence
from tf_pegasus.training.estimates import estimate_memory
from tf_pegasus.training.interruption import Interruption
from tf_pegasus.training.optimizers import create_optimizer
from tf_pegasus.training.parts import choose_trained_parts
from tf_pegasus.training.resume import Resume
from tf_pegasus.training.run_directory import RunDirectory
from tf_pegasus.training.starting_point import starting_model, starting_tokenizer
from tf_pegasus.training.tensorboard import TensorBoard
from tf_pegasus.training.workers import Workers
from tf_pegasus.utils.terminal import without_color

ADAPTERS_DIRECTORY = "adapters"
LAST_DIRECTORY = "last"
TENSORBOARD_DIRECTORY = "tensorboard"


def train(arguments):
    """Trains a model, or resumes an interrupted run with the same arguments.

    Args:
        arguments: `TrainingArguments`.

    Returns:
        dict of lists, Keras' history of the intervals that this call ran.

    Raises:
        ValueError: if an argument or the data is invalid, or `output_dir` belongs to another run.
        FileNotFoundError: if a file is missing.
        ImportError: if ROUGE or TensorBoard is asked for, and its package is not installed.
        LockedError: if another training uses `output_dir`.
        DivergedError: if a loss becomes NaN or infinite.
        WorkerLostError: if another worker ends.
        TrainingInterrupted: if SIGINT or SIGTERM came; the state is saved, at once.
    """
    return run(Training, arguments)


def run(training_class, arguments):
    """Runs a training of a kind in its directory; see `train`.

    Args:
        training_class: `Training`, or a subclass.
        arguments: settings of the kind that the class takes.
    """
    # First of all: workers find each other before TensorFlow computes anything.
    workers = Workers(arguments.run.strategy)
    output = Path(arguments.run.output_dir)
    command = repeating_command(output, training_class.command)
    directory = RunDirectory(
        output, arguments.to_sections(), command, workers.is_chief, type(arguments)
    )
    with directory, Interruption() as interruption:
        return training_class(arguments, workers, directory, interruption).run()


class Training:
    """A training in its directory.

    Subclasses may read other rows (`read_rows`), make other batches of them (`make_dataset`), and
    train another model (`starting_model`).

    Args:
        arguments: `TrainingArguments`.
        workers: `Workers`.
        directory: `RunDirectory`, which is entered.
        interruption: `Interruption`, which is entered.
    """

    # Of `tf-pegasus`.
    command = "train"

    def __init__(self, arguments, workers, directory, interruption):
        self.arguments = arguments
        self.workers = workers
        self.directory = directory
        self.interruption = interruption

    def run(self):
        """Trains to the end; returns the history."""
        arguments, directory = self.arguments, self.directory
        rows = {
            "training": self.read_rows(arguments.data.train_file, arguments.data.max_samples),
            "validation": self.read_rows(arguments.data.validation_file),
        }
        keras.utils.set_random_seed(arguments.run.seed)
        self.tokenizer = starting_tokenizer(arguments, rows["training"], directory)
        self.step_size = arguments.run.batch_size * arguments.run.gradient_accumulation_steps
        per_epoch = math.ceil(len(rows["training"]) / self.step_size)
        self.total_steps = max(1, round(arguments.run.epochs * per_epoch))
        self.interval = min(arguments.validation.eval_steps or per_epoch, self.total_steps)
        self.model = self._compiled_model()
        self.rouge = self._rouge(rows["validation"])

        own_directory = self.workers.checkpoint_directory(directory.checkpoint)
        with own_directory as own_directory, self.workers.watched():
            return self._fit(rows, own_directory)

    def _fit(self, rows, own_directory):
        arguments, directory, model = self.arguments, self.directory, self.model
        momentum = arguments.optimizer.ema_momentum
        average = None if momentum is None else WeightAverage(model, momentum)
        # All arguments have been checked by now: nothing was written before.
        directory.start()
        resume = Resume(
            model,
            directory.checkpoint,
            self.interval,
            self.interruption,
            average,
            own_directory,
            is_asked=self.workers.any,
        )
        steps_done = resume.restore()
        intervals_done = int(resume.intervals_done)
        directory.cut_log(intervals_done)
        if self.workers.is_chief:
            self.tokenizer.save_pretrained(directory.path)
        datasets, statistics = self._datasets(rows, steps_done)
        self._print_summary(len(rows["training"]), steps_done)

        validation = arguments.validation
        best = KeepBest(
            validation.metric,
            self._save,
            resume.best,
            resume.waited,
            validation.patience,
            self.workers.mean,
        )
        last = KeepLast(
            self._save_weights,
            directory.state / LAST_DIRECTORY,
            validation.average_last or 1,
            intervals_done,
        )
        intervals = intervals_done if best.is_over else math.ceil(self.total_steps / self.interval)
        callbacks = [
            average,
            StopAtDivergence(self.interval, resume.best, directory.path, validation.metric),
            self.rouge,
            *(self._chiefs_callbacks(statistics["training"]) if self.workers.is_chief else ()),
            last if validation.average_last and self.workers.is_chief else None,
            best,
            resume,
        ]
        with without_color():
            history = model.fit(
                datasets["training"],
                validation_data=datasets["validation"],
                steps_per_epoch=self.interval,
                validation_steps=self._validation_steps(statistics["validation"]),
                initial_epoch=intervals_done,
                # The last may exceed total_steps, where the cosine schedule has a rate of 0.
                epochs=intervals,
                callbacks=[each for each in callbacks if each is not None],
                shuffle=False,
                verbose=self._verbosity(),
            )
        if validation.average_last:
            self._try_average(last.directories, datasets["validation"], statistics, best)
        if self.workers.is_chief:
            for name, counts in statistics.items():
                print(f"{name}: {counts}", flush=True)
        return history.history

    def _chiefs_callbacks(self, statistics):
        """What prints and writes, once for all workers."""
        if self.arguments.run.tensorboard:
            directory = self.directory.state / TENSORBOARD_DIRECTORY
            yield TensorBoard(directory, self.interval, self.step_size, statistics, self.rouge)
        yield keras.callbacks.CSVLogger(str(self.directory.log), append=True)
        yield TimeLeft(self.total_steps, self.interval)

    def _verbosity(self):
        """A progress bar on a terminal, otherwise one line per interval."""
        if not self.workers.is_chief:
            return 0
        return 1 if sys.stdout.isatty() else 2

    def _validation_steps(self, statistics):
        """None for a dataset that ends by itself; workers must not find out one by one."""
        return None if self.workers.count == 1 else statistics.steps_per_epoch

    def _print_summary(self, examples, steps_done):
        if not self.workers.is_chief:
            return
        arguments, model = self.arguments, self.model
        print(dump(arguments.to_sections()), end="")
        trained = model.num_parameters(only_trainable=True)
        print(
            f"{model.count_params():,} parameters, {trained:,} of them trained; "
            f"{examples:,} examples; {self.total_steps:,} "
            f"steps of {self.step_size}, validated every {self.interval:,}"
            + (f"; resuming after {steps_done:,}" if steps_done else "")
        )
        estimate = estimate_memory(
            model,
            -(-arguments.run.batch_size // self.workers.devices),
            arguments.data.max_source_length,
            arguments.data.max_target_length,
            arguments.model.gradient_checkpointing,
            arguments.optimizer.ema_momentum is not None,
        )
        print(estimate, flush=True)

    def _save(self):
        if not self.workers.is_chief:
            return
        self._save_weights(self.directory.path, self.arguments.run.weights_dtype)
        if self.arguments.lora.rank is not None:
            self.model.save_adapters(self.directory.path / ADAPTERS_DIRECTORY)

    def _save_weights(self, path, dtype="float32"):
        self.model.save_pretrained(path, dtype=dtype)

    def _try_average(self, directories, dataset, statistics, best):
        """Saves the average of the last models if its metric is better."""
        # Other workers wait here until the chief has written them all.
        self.workers.sum(0.0)
        if len(directories) < 2:
            return
        set_average(self.model, directories)
        steps = self._validation_steps(statistics["validation"])
        found = self.model.evaluate(dataset, steps=steps, verbose=0, return_dict=True)
        logs = {f"val_{name}": value for name, value in found.items()}
        if self.rouge is not None:
            logs |= self.rouge.evaluate()
        metric = self.arguments.validation.metric
        is_best = best.is_best(logs)
        if is_best:
            self._save()
        if self.workers.is_chief:
            print(
                f"average of the last {len(directories)} models: {metric} {logs[metric]:.4f}, "
                + ("which is saved" if is_best else "which is not better"),
                flush=True,
            )

    def _rouge(self, rows):
        count = self.arguments.validation.rouge_samples
        if count is None:
            return None
        pairs = itertools.islice(rows, count)
        records = [{"document": document, "summary": summary} for document, summary in pairs]
        return RougeCallback(records, None, tokenizer=self.tokenizer)

    def _compiled_model(self):
        """Returns the model with its tokenizer, generation options, trained parts and optimizer."""
        arguments, settings = self.arguments, self.arguments.optimizer
        with self.workers.scope():
            model = self.starting_model()
            choose_trained_parts(model, arguments)
            optimizer = create_optimizer(
                settings.name,
                settings.learning_rate,
                settings.schedule,
                settings.warmup_steps,
                self.total_steps,
                settings.max_grad_norm,
            )
            model.compile(
                optimizer,
                jit_compile=False,
                micro_batches=arguments.run.gradient_accumulation_steps,
            )
            model.optimizer.build(model.trainable_variables)
        # So that saving writes this tokenizer's files, not those of the model to fine-tune.
        model.tokenizer = self.tokenizer
        options = {name: getattr(arguments.generation, name) for name in GENERATION}
        model.generation_config = model.generation_config.updated(
            max_length=arguments.data.max_target_length,
            **{name: value for name, value in options.items() if value is not None},
        )
        return model

    def _datasets(self, rows, start_step):
        """Returns the batches and their statistics by name.

        Those to train with begin with `start_step`, and have no end.
        """
        is_alone = self.workers.count == 1
        orders = {
            "training": {
                "seed": self.arguments.run.seed,
                "start_step": start_step,
                "repeat": True,
            },
            "validation": {"shuffle": False, "repeat": not is_alone},
        }
        sizes = {"training": self.step_size, "validation": self.arguments.run.batch_size}
        found = {
            name: self.workers.distribute(
                functools.partial(self.make_dataset, rows[name], **order),
                sizes[name],
            )
            for name, order in orders.items()
        }
        datasets = {name: dataset for name, (dataset, _) in found.items()}
        return datasets, {name: statistics for name, (_, statistics) in found.items()}

    def read_rows(self, file, max_samples=None):
        """Returns the rows of a file."""
        data = self.arguments.data
        return Rows(
            file,
            document_column=data.document_column,
            summary_column=data.summary_column,
            max_samples=max_samples,
            on_error=data.on_error,
        )

    def make_dataset(self, rows, **order):
        """Returns a dataset of batches of rows."""
        data = self.arguments.data
        return summarization_dataset(
            rows,
            self.tokenizer,
            max_source_length=data.max_source_length,
            max_target_length=data.max_target_length,
            cache=True,
            **order,
        )

    def starting_model(self):
        """Returns the model to train, which is not compiled."""
        return starting_model(self.arguments, self.tokenizer)
