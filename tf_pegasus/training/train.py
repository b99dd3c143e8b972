"""Trains a model from files of documents and summaries."""

import contextlib
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from tf_pegasus.bundled import model_location
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.data.dataset import summarization_dataset
from tf_pegasus.data.rows import Rows
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.loading import has_tokenizer, load_tokenizer
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.vocabulary import train_vocabulary
from tf_pegasus.training.callbacks import SaveBest
from tf_pegasus.training.config import GENERATION
from tf_pegasus.training.divergence import StopAtDivergence
from tf_pegasus.training.interruption import Interruption
from tf_pegasus.training.optimizers import create_optimizer
from tf_pegasus.training.parts import choose_trained_parts
from tf_pegasus.training.resume import Resume
from tf_pegasus.training.run_directory import RunDirectory
from tf_pegasus.utils.terminal import without_color

ADAPTERS_DIRECTORY = "adapters"
# sentencepiece needs twenty times as much memory as it gets of texts.
_VOCABULARY_BYTES = 24 * 2**20


def train(arguments):
    """Trains a model, or resumes an interrupted run with the same arguments.

    Args:
        arguments: `TrainingArguments`.

    Returns:
        dict of lists, Keras' history of the intervals that this call ran.

    Raises:
        ValueError: if an argument or the data is invalid, or `output_dir` belongs to another run.
        FileNotFoundError: if a file is missing.
        LockedError: if another training uses `output_dir`.
        DivergedError: if a loss becomes NaN or infinite.
        TrainingInterrupted: if SIGINT or SIGTERM came; the state is saved, at once.
    """
    output = Path(arguments.output_dir)
    with RunDirectory(output, _identity(arguments)) as directory, Interruption() as interruption:
        return _train(arguments, output, directory, interruption)


def _train(arguments, output, directory, interruption):
    rows = {
        "training": _rows(arguments, arguments.train_file, arguments.max_samples),
        "validation": _rows(arguments, arguments.validation_file),
    }
    keras.utils.set_random_seed(arguments.seed)

    tokenizer = _tokenizer(arguments, rows["training"], directory)
    per_epoch = math.ceil(len(rows["training"]) / arguments.batch_size)
    total_steps = max(1, round(arguments.epochs * per_epoch))
    interval = min(arguments.eval_steps or per_epoch, total_steps)
    model = _compiled_model(arguments, tokenizer, total_steps)

    # All arguments have been checked by now: nothing was written before.
    directory.start()
    resume = Resume(model, directory.checkpoint, interval, interruption)
    steps_done = resume.restore()
    intervals_done = int(resume.intervals_done)
    directory.cut_log(intervals_done)
    tokenizer.save_pretrained(output)

    datasets = _datasets(arguments, tokenizer, rows, steps_done)
    trained = model.num_parameters(only_trainable=True)
    print(
        f"{model.count_params():,} parameters, {trained:,} of them trained; "
        f"{len(rows['training']):,} examples; {total_steps:,} "
        f"steps of {arguments.batch_size}, validated every {interval:,}"
        + (f"; resuming after {steps_done:,}" if steps_done else ""),
        flush=True,
    )

    def save():
        model.save_pretrained(output, dtype=arguments.weights_dtype)
        if arguments.lora_rank is not None:
            model.save_adapters(output / ADAPTERS_DIRECTORY)

    with without_color():
        history = model.fit(
            datasets["training"],
            validation_data=datasets["validation"],
            steps_per_epoch=interval,
            initial_epoch=intervals_done,
            # The last interval may exceed total_steps, where the cosine schedule has a rate of 0.
            epochs=math.ceil(total_steps / interval),
            callbacks=[
                StopAtDivergence(interval, resume.best, output),
                keras.callbacks.CSVLogger(str(directory.log), append=True),
                SaveBest(save, resume.best),
                resume,
            ],
            shuffle=False,
            # A progress bar on a terminal, otherwise one line per interval.
            verbose=1 if sys.stdout.isatty() else 2,
        )
    for name, dataset in datasets.items():
        print(f"{name}: {dataset.statistics}", flush=True)
    return history.history


def _compiled_model(arguments, tokenizer, total_steps):
    """Returns the model with its tokenizer, generation options, trained parts and optimizer."""
    with _scope(arguments.strategy):
        model = _model(arguments, tokenizer)
        choose_trained_parts(model, arguments)
        optimizer = create_optimizer(
            arguments.optimizer,
            arguments.learning_rate,
            arguments.schedule,
            arguments.warmup_steps,
            math.ceil(total_steps / arguments.gradient_accumulation_steps),
            arguments.max_grad_norm,
            arguments.gradient_accumulation_steps,
        )
        model.compile(optimizer, jit_compile=False)
        model.optimizer.build(model.trainable_variables)
    # So that saving writes this tokenizer's files, not those of the model to fine-tune.
    model.tokenizer = tokenizer
    options = {name: getattr(arguments, name) for name in GENERATION}
    model.generation_config = model.generation_config.updated(
        max_length=arguments.max_target_length,
        **{name: value for name, value in options.items() if value is not None},
    )
    return model


def _datasets(arguments, tokenizer, rows, start_step):
    """Returns the batches by name, those to train with from `start_step` on and without end."""
    orders = {
        "training": {"seed": arguments.seed, "start_step": start_step, "repeat": True},
        "validation": {"shuffle": False},
    }
    return {
        name: summarization_dataset(
            rows[name],
            tokenizer,
            batch_size=arguments.batch_size,
            max_source_length=arguments.max_source_length,
            max_target_length=arguments.max_target_length,
            cache=True,
            **order,
        )
        for name, order in orders.items()
    }


def _rows(arguments, file, max_samples=None):
    return Rows(
        file,
        document_column=arguments.document_column,
        summary_column=arguments.summary_column,
        max_samples=max_samples,
        on_error=arguments.on_error,
    )


def _scope(strategy):
    if strategy == "mirrored":
        return tf.distribute.MirroredStrategy().scope()
    return contextlib.nullcontext()


def _identity(arguments):
    """Returns the settings that a resumed run must share with the interrupted one."""
    return {name: value for name, value in asdict(arguments).items() if name != "output_dir"}


def _tokenizer(arguments, rows, directory):
    length = {"model_max_length": arguments.max_source_length}
    # Before the first checkpoint its files may be there in part.
    if directory.has_checkpoint and has_tokenizer(directory.path):
        return load_tokenizer(directory.path, **length)
    if arguments.model:
        return load_tokenizer(model_location(arguments.model), **length)
    if arguments.vocab_file:
        return PegasusTokenizer(arguments.vocab_file, **length)
    sample = rows.sample(_VOCABULARY_BYTES, arguments.seed)
    texts = (text for row in sample for text in row)
    with tempfile.TemporaryDirectory() as temporary:
        vocab_file = Path(temporary) / VOCAB_FILE
        train_vocabulary(texts, vocab_file, arguments.vocab_size)
        return PegasusTokenizer(vocab_file, **length)


def _model(arguments, tokenizer):
    regularization = {
        "dropout": arguments.dropout,
        "label_smoothing": arguments.label_smoothing,
    }
    if arguments.model:
        model = TFPegasusForConditionalGeneration.from_pretrained(
            model_location(arguments.model), dtype=arguments.precision, **regularization
        )
        longest = max(arguments.max_source_length, arguments.max_target_length)
        if longest > model.config.max_position_embeddings:
            # Positions are computed, so that the model has any number of them.
            model.resize_position_embeddings(longest)
        return model
    config = PegasusConfig(
        vocab_size=tokenizer.vocab_size,
        max_position_embeddings=max(arguments.max_source_length, arguments.max_target_length),
        d_model=arguments.d_model,
        encoder_layers=arguments.layers,
        decoder_layers=arguments.layers,
        encoder_attention_heads=arguments.heads,
        decoder_attention_heads=arguments.heads,
        encoder_ffn_dim=arguments.ffn_dim,
        decoder_ffn_dim=arguments.ffn_dim,
        activation_function="relu",
        scale_embedding=True,
        **regularization,
    )
    return TFPegasusForConditionalGeneration(config, dtype=arguments.precision)
