"""The settings of a training run; importing this module does not import TensorFlow."""

from dataclasses import dataclass
from typing import Literal, get_args

from tf_pegasus.checkpoints.formats import FILE_DTYPES, FileDtype

Optimizer = Literal["adafactor", "adamw"]
OPTIMIZERS = get_args(Optimizer)
Schedule = Literal["constant", "cosine"]
SCHEDULES = get_args(Schedule)
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
PRECISIONS = get_args(Precision)


# `tf-pegasus train` has a flag for each field, with the text below as help.
@dataclass(frozen=True)
class TrainingArguments:
    """Settings of `train`; the defaults train a small model from scratch.

    Attributes:
        train_file: JSONL, CSV, Parquet or TFRecord file with document and summary, or a pattern
            such as "train-*.jsonl".
        validation_file: File or pattern like train_file; the saved weights are those with the
            lowest loss on it.
        output_dir: Directory of the best model so far; training/ in it holds the checkpoint to
            resume from.
        model: Directory or name on the hub to fine-tune, "bundled" for the bundled model; trains
            from scratch if absent.
        vocab_file: sentencepiece model; trained on the training file if absent (from scratch
            only).
        vocab_size: Number of pieces of a vocabulary that is trained.
        d_model: Width (from scratch).
        layers: Layers of encoder and decoder each (from scratch).
        heads: Attention heads (from scratch).
        ffn_dim: Feed-forward width (from scratch).
        max_source_length: Longest document in tokens, including end of sequence; longer ones are
            truncated.
        max_target_length: Longest summary in tokens, including end of sequence; longer ones are
            truncated.
        epochs: Passes over the training file.
        batch_size: Examples per step.
        eval_steps: Steps between validations, each of which saves a checkpoint; one epoch if
            absent.
        optimizer: The paper uses adafactor.
        learning_rate: Peak learning rate.
        schedule: Learning rate after the warm-up.
        warmup_steps: Steps to reach the peak.
        dropout: Probability, from 0 to 1.
        label_smoothing: Share of the target spread over the vocabulary, from 0 to 1.
        num_beams: Saved as the model's setting for generation.
        length_penalty: Saved as the model's setting for generation.
        precision: Keras dtype policy.
        weights_dtype: Dtype of the saved weights.
        seed: Seed of initialization, order and dropout.

    Raises:
        ValueError: if a value is out of range; the message names it.
    """

    train_file: str
    validation_file: str
    output_dir: str
    model: str | None = None
    vocab_file: str | None = None
    vocab_size: int = 8000
    d_model: int = 256
    layers: int = 4
    heads: int = 4
    ffn_dim: int = 1024
    max_source_length: int = 256
    max_target_length: int = 64
    epochs: float = 10.0
    batch_size: int = 64
    eval_steps: int | None = None
    optimizer: Optimizer = "adafactor"
    learning_rate: float = 1e-4
    schedule: Schedule = "constant"
    warmup_steps: int = 0
    dropout: float = 0.1
    label_smoothing: float = 0.1
    num_beams: int = 8
    length_penalty: float = 0.8
    precision: Precision = "float32"
    weights_dtype: FileDtype = "float32"
    seed: int = 0

    def __post_init__(self):
        for name in ("batch_size", "max_source_length", "max_target_length", "epochs"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be positive")
        if self.eval_steps is not None and self.eval_steps < 1:
            raise ValueError(f"eval_steps={self.eval_steps!r} must be at least 1")
        for name, choices in (("precision", PRECISIONS), ("weights_dtype", FILE_DTYPES)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} must be one of {', '.join(choices)}"
                )
        if self.model and self.vocab_file:
            raise ValueError(
                "model and vocab_file exclude each other: a model has its own vocabulary"
            )
