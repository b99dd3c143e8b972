"""The settings of a training run; importing this module does not import TensorFlow."""

import dataclasses
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar, Literal, Self, get_args

from tf_pegasus.checkpoints.formats import FILE_DTYPES, FileDtype
from tf_pegasus.data.records import ON_ERROR, OnError

OptimizerName = Literal["adafactor", "adamw", "lion", "muon"]
OPTIMIZERS = get_args(OptimizerName)
Schedule = Literal["constant", "cosine", "inverse_sqrt"]
SCHEDULES = get_args(Schedule)
Strategy = Literal["none", "mirrored", "multiworker"]
STRATEGIES = get_args(Strategy)
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
PRECISIONS = get_args(Precision)
Metric = Literal["val_loss", "val_rouge1", "val_rouge2", "val_rougeL", "val_rougeLsum"]
METRICS = get_args(Metric)


# The shape of a model that is trained from scratch.
FROM_SCRATCH = {"vocab_size": 8000, "d_model": 256, "layers": 4, "heads": 4, "ffn_dim": 1024}
GENERATION = {"num_beams": 8, "length_penalty": 0.8}
# Adafactor's is relative to the size of a weight, so that random weights need larger ones.
LEARNING_RATES = {"adafactor": 0.01, "adamw": 1e-3, "lion": 1e-4, "muon": 1e-3}
FINE_TUNING_RATE = 1e-4
ROUGE_SAMPLES = 100
PARTS = ("encoder", "decoder", "embeddings")


# `tf-pegasus train` has a flag for each field of the sections, with the text below as help. The
# flag is named after the field, unless its metadata has another name.
@dataclass(frozen=True)
class DataArguments:
    """The examples.

    Attributes:
        train_file: JSONL, CSV, Parquet or TFRecord file with document and summary, or a pattern
            such as "train-*.jsonl".
        validation_file: File or pattern like train_file; the saved weights are those with the
            best metric on it.
        document_column: Name of the documents' column; by default document, in TFRecord files
            inputs.
        summary_column: Name of the summaries' column; by default summary, in TFRecord files
            targets.
        max_samples: Only so many examples of the training file are used; all if absent.
        on_error: What to do at a row that is damaged or lacks a text; skipped ones are counted.
        max_source_length: Longest document in tokens, including end of sequence; longer ones are
            truncated. A model with fewer positions gets more.
        max_target_length: Longest summary in tokens, including end of sequence; longer ones are
            truncated.
    """

    train_file: str
    validation_file: str
    document_column: str | None = None
    summary_column: str | None = None
    max_samples: int | None = None
    on_error: OnError = "raise"
    max_source_length: int = 256
    max_target_length: int = 64

    def __post_init__(self):
        check_positive(self, "max_source_length", "max_target_length", "max_samples")
        check_choice(self, "on_error", ON_ERROR)


@dataclass(frozen=True)
class ModelArguments:
    """The model.

    Attributes:
        name: Directory or name on the hub to fine-tune, "bundled" for the bundled model; trains
            from scratch if absent.
        vocab_file: sentencepiece model; trained on the training file if absent (from scratch
            only).
        vocab_size: Number of pieces of a vocabulary that is trained; from scratch 8000.
        d_model: Width; from scratch 256.
        layers: Layers of encoder and decoder each; from scratch 4.
        heads: Attention heads; from scratch 4.
        ffn_dim: Feed-forward width; from scratch 1024.
        dropout: Probability, from 0 to 1.
        label_smoothing: Share of the target spread over the vocabulary, from 0 to 1.
        precision: Keras dtype policy.
        gradient_checkpointing: Recompute activations, for less memory and about a third more time.
        freeze: Parts not to train, of encoder, decoder, embeddings, separated by commas.
    """

    name: str | None = field(default=None, metadata={"flag": "model"})
    vocab_file: str | None = None
    vocab_size: int | None = None
    d_model: int | None = None
    layers: int | None = None
    heads: int | None = None
    ffn_dim: int | None = None
    dropout: float = 0.1
    label_smoothing: float = 0.1
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    freeze: str = ""

    def __post_init__(self):
        check_choice(self, "precision", PRECISIONS)
        unknown = [part for part in self.frozen_parts if part not in PARTS]
        if unknown:
            raise ValueError(f"freeze={self.freeze!r} must be some of {', '.join(PARTS)}")
        if self.vocab_file and self.vocab_size is not None:
            raise ValueError("vocab_size has no effect with vocab_file")
        if self.name:
            given = [n for n in ("vocab_file", *FROM_SCRATCH) if getattr(self, n) is not None]
            if given:
                raise ValueError(
                    f"model and {given[0]} exclude each other: a model has its own vocabulary and "
                    "shape"
                )

    @property
    def frozen_parts(self) -> list[str]:
        """The parts not to train."""
        return [part.strip() for part in self.freeze.split(",") if part.strip()]


@dataclass(frozen=True)
class LoraArguments:
    """Adapters.

    Attributes:
        rank: Train only LoRA adapters of this rank, which are saved merged, and alone in
            adapters/.
        alpha: Adapters are scaled by alpha / rank; by default the rank.
        targets: Layers with adapters, separated by commas.
    """

    rank: int | None = field(default=None, metadata={"flag": "lora_rank"})
    alpha: float | None = field(default=None, metadata={"flag": "lora_alpha"})
    targets: str = field(default="q_proj,v_proj", metadata={"flag": "lora_targets"})

    def __post_init__(self):
        check_positive(self, "rank", "alpha")
        if self.rank is None and self.alpha is not None:
            raise ValueError("lora_alpha has no effect without lora_rank")


@dataclass(frozen=True)
class OptimizerArguments:
    """The optimizer.

    Attributes:
        name: The paper uses adafactor.
        learning_rate: Peak learning rate; by default 0.0001 for fine-tuning, and from scratch 0.01
            with adafactor, 0.001 with adamw and muon, 0.0001 with lion.
        schedule: Learning rate after the warm-up.
        warmup_steps: Steps to reach the peak.
        max_grad_norm: Longer gradients are scaled down to it; by default 1 with adamw, none with
            others.
        ema_momentum: Validate and save the exponential moving average of the weights, of which a
            step keeps this share, such as 0.999; without an average if absent.
    """

    name: OptimizerName = field(default="adafactor", metadata={"flag": "optimizer"})
    learning_rate: float | None = None
    schedule: Schedule = "constant"
    warmup_steps: int = 0
    max_grad_norm: float | None = None
    ema_momentum: float | None = None

    def __post_init__(self):
        check_positive(self, "max_grad_norm")
        if self.ema_momentum is not None and not 0 < self.ema_momentum < 1:
            raise ValueError(f"ema_momentum={self.ema_momentum!r} must be between 0 and 1")


@dataclass(frozen=True)
class ValidationArguments:
    """Validation, and which weights are kept.

    Attributes:
        eval_steps: Steps between validations, each of which saves a checkpoint; one epoch if
            absent.
        metric: What the saved weights are the best in.
        rouge_samples: Examples of the validation file to summarize for ROUGE at each validation;
            by default 100 if metric is ROUGE, otherwise none.
        patience: Stop after so many validations in a row without a better metric; never if absent.
        average_last: Average the weights of the last so many validations at the end, and save that
            if its metric is better.
    """

    eval_steps: int | None = None
    metric: Metric = "val_loss"
    rouge_samples: int | None = None
    patience: int | None = None
    average_last: int | None = None

    def __post_init__(self):
        check_positive(self, "eval_steps", "rouge_samples", "patience")
        check_choice(self, "metric", METRICS)
        if self.average_last is not None and self.average_last < 2:
            raise ValueError(f"average_last={self.average_last!r} must be at least 2")
        if self.metric != "val_loss" and self.rouge_samples is None:
            _set(self, "rouge_samples", ROUGE_SAMPLES)


@dataclass(frozen=True)
class GenerationArguments:
    """What is saved as the model's settings for generation.

    Attributes:
        num_beams: Beams; by default those of the model to fine-tune, from scratch 8.
        length_penalty: Above 0 favours longer summaries; by default that of the model to
            fine-tune, from scratch 0.8.
    """

    num_beams: int | None = None
    length_penalty: float | None = None


@dataclass(frozen=True)
class RunArguments:
    """The run.

    Attributes:
        output_dir: Directory of the best model so far; training/ in it holds the configuration,
            the log, and the checkpoint to resume from.
        epochs: Passes over the training file.
        batch_size: Examples per batch, of all devices and workers together.
        gradient_accumulation_steps: Batches per step, computed one after the other, for the result
            of a batch that is so many times as large with the memory of one.
        strategy: Train on one device; on all local ones (mirrored); or on those of several
            machines (multiworker), each of which runs the command with its TF_CONFIG. They divide
            each batch.
        seed: Seed of initialization, order and dropout.
        weights_dtype: Dtype of the saved weights.
        tensorboard: Write training/tensorboard, with losses, rate, speed and sample summaries.
    """

    output_dir: str
    epochs: float = 10.0
    batch_size: int = 64
    gradient_accumulation_steps: int = 1
    strategy: Strategy = "none"
    seed: int = 0
    weights_dtype: FileDtype = "float32"
    tensorboard: bool = False

    def __post_init__(self):
        check_positive(self, "epochs", "batch_size", "gradient_accumulation_steps")
        check_choice(self, "strategy", STRATEGIES)
        check_choice(self, "weights_dtype", FILE_DTYPES)


@dataclass(frozen=True)
class TrainingArguments:
    """Settings of `train`, in sections; the defaults train a small model from scratch.

    Attributes:
        data, model, lora, optimizer, validation, generation, run: the sections.

    Raises:
        ValueError: if a value is out of range; the message names it.

    Example:
        >>> arguments = TrainingArguments.from_flags(
        ...     train_file="train.jsonl",
        ...     validation_file="validation.jsonl",
        ...     output_dir="tuned",
        ...     model="google/pegasus-large",
        ... )
        >>> arguments.data.train_file
        'train.jsonl'
    """

    data: DataArguments
    run: RunArguments
    model: ModelArguments = field(default_factory=ModelArguments)
    lora: LoraArguments = field(default_factory=LoraArguments)
    optimizer: OptimizerArguments = field(default_factory=OptimizerArguments)
    validation: ValidationArguments = field(default_factory=ValidationArguments)
    generation: GenerationArguments = field(default_factory=GenerationArguments)

    sections: ClassVar[dict[str, Any]] = {
        "data": DataArguments,
        "model": ModelArguments,
        "lora": LoraArguments,
        "optimizer": OptimizerArguments,
        "validation": ValidationArguments,
        "generation": GenerationArguments,
        "run": RunArguments,
    }

    def __post_init__(self):
        if self.lora.rank is not None and self.model.frozen_parts:
            raise ValueError("freeze has no effect with lora_rank, which freezes everything else")
        if self.lora.rank is not None and self.validation.average_last is not None:
            raise ValueError("average_last cannot be used with lora_rank, which saves them merged")
        if not self.model.name:
            # A given vocabulary has its own size.
            shape = {n: v for n, v in FROM_SCRATCH.items() if n != "vocab_size"}
            self._fill("model", shape if self.model.vocab_file else FROM_SCRATCH)
            self._fill("generation", GENERATION)
        rates = {} if self.model.name else LEARNING_RATES
        rate = rates.get(self.optimizer.name, FINE_TUNING_RATE)
        self._fill("optimizer", {"learning_rate": rate})

    def _fill(self, section, values):
        """Sets the fields of a section that are None."""
        found = getattr(self, section)
        absent = {n: value for n, value in values.items() if getattr(found, n) is None}
        _set(self, section, dataclasses.replace(found, **absent))

    @classmethod
    def flags(cls) -> dict[str, tuple[str, dataclasses.Field]]:
        """Returns section and field by the names of the flags, which are unique."""
        return {
            each.metadata.get("flag", each.name): (section, each)
            for section, fields in cls.sections.items()
            for each in dataclasses.fields(fields)
        }

    @classmethod
    def from_flags(cls, **values: Any) -> Self:
        """Returns the settings with these values, by the names of the flags."""
        return cls.from_sections(nested(values, cls))

    @classmethod
    def from_sections(cls, sections: dict[str, dict[str, Any]]) -> Self:
        """Returns the settings with these values, by sections and fields."""
        return cls(**{name: cls.sections[name](**values) for name, values in sections.items()})

    def to_sections(self) -> dict[str, dict[str, Any]]:
        """Returns all values by sections and fields."""
        return {name: dataclasses.asdict(getattr(self, name)) for name in self.sections}


def nested(
    values: dict[str, Any], kind: type[TrainingArguments] = TrainingArguments
) -> dict[str, dict[str, Any]]:
    """Returns values by sections and fields, of values by the names of the flags of a kind.

    Raises:
        TypeError: if there is no such flag.
    """
    sections: dict[str, dict[str, Any]] = {"data": {}, "run": {}}
    flags = kind.flags()
    for name, value in values.items():
        if name not in flags:
            raise TypeError(f"{name} is no setting of a training")
        section, each = flags[name]
        sections.setdefault(section, {})[each.name] = value
    return sections


def is_required(each: dataclasses.Field) -> bool:
    """Whether a field of a section has no default."""
    return each.default is MISSING


def _set(section, name, value):
    # The dataclass is frozen, but still being made.
    object.__setattr__(section, name, value)


def check_positive(section, *names):
    flags = {
        each.name: each.metadata.get("flag", each.name) for each in dataclasses.fields(section)
    }
    for name in names:
        value = getattr(section, name)
        if value is not None and value <= 0:
            raise ValueError(f"{flags[name]}={value!r} must be positive")


def check_choice(section, name, choices):
    if getattr(section, name) not in choices:
        raise ValueError(f"{name}={getattr(section, name)!r} must be one of {', '.join(choices)}")
