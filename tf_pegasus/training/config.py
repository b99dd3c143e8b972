"""The settings of a training run; importing this module does not import TensorFlow."""

from dataclasses import dataclass
from typing import Literal, get_args

from tf_pegasus.checkpoints.formats import FILE_DTYPES, FileDtype
from tf_pegasus.data.records import ON_ERROR, OnError

Optimizer = Literal["adafactor", "adamw", "lion", "muon"]
OPTIMIZERS = get_args(Optimizer)
Schedule = Literal["constant", "cosine", "inverse_sqrt"]
SCHEDULES = get_args(Schedule)
Strategy = Literal["none", "mirrored"]
STRATEGIES = get_args(Strategy)
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
PRECISIONS = get_args(Precision)


# The shape of a model that is trained from scratch.
FROM_SCRATCH = {"vocab_size": 8000, "d_model": 256, "layers": 4, "heads": 4, "ffn_dim": 1024}
GENERATION = {"num_beams": 8, "length_penalty": 0.8}
# Adafactor's is relative to the size of a weight, so that random weights need larger ones.
LEARNING_RATES = {"adafactor": 0.01, "adamw": 1e-3, "lion": 1e-4, "muon": 1e-3}
FINE_TUNING_RATE = 1e-4
PARTS = ("encoder", "decoder", "embeddings")


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
        vocab_size: Number of pieces of a vocabulary that is trained; from scratch 8000.
        d_model: Width; from scratch 256.
        layers: Layers of encoder and decoder each; from scratch 4.
        heads: Attention heads; from scratch 4.
        ffn_dim: Feed-forward width; from scratch 1024.
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
        epochs: Passes over the training file.
        batch_size: Examples per step.
        eval_steps: Steps between validations, each of which saves a checkpoint; one epoch if
            absent.
        optimizer: The paper uses adafactor.
        learning_rate: Peak learning rate; by default 0.0001 for fine-tuning, and from scratch 0.01
            with adafactor, 0.001 with adamw and muon, 0.0001 with lion.
        schedule: Learning rate after the warm-up.
        warmup_steps: Steps to reach the peak.
        gradient_accumulation_steps: Batches whose gradients are averaged for one update.
        max_grad_norm: Longer gradients are scaled down to it; by default 1 with adamw, none with
            others.
        gradient_checkpointing: Recompute activations, for less memory and about a third more time.
        freeze: Parts not to train, of encoder, decoder, embeddings, separated by commas.
        lora_rank: Train only LoRA adapters of this rank, which are saved merged, and alone in
            adapters/.
        lora_alpha: Adapters are scaled by lora_alpha / lora_rank; by default lora_rank.
        lora_targets: Layers with adapters, separated by commas.
        strategy: Train on one device, or on all local ones (mirrored), which divide each batch.
        dropout: Probability, from 0 to 1.
        label_smoothing: Share of the target spread over the vocabulary, from 0 to 1.
        num_beams: Saved as the model's setting for generation; by default that of the model to
            fine-tune, from scratch 8.
        length_penalty: Saved as the model's setting for generation; by default that of the model
            to fine-tune, from scratch 0.8.
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
    vocab_size: int | None = None
    d_model: int | None = None
    layers: int | None = None
    heads: int | None = None
    ffn_dim: int | None = None
    document_column: str | None = None
    summary_column: str | None = None
    max_samples: int | None = None
    on_error: OnError = "raise"
    max_source_length: int = 256
    max_target_length: int = 64
    epochs: float = 10.0
    batch_size: int = 64
    eval_steps: int | None = None
    optimizer: Optimizer = "adafactor"
    learning_rate: float | None = None
    schedule: Schedule = "constant"
    warmup_steps: int = 0
    gradient_accumulation_steps: int = 1
    max_grad_norm: float | None = None
    gradient_checkpointing: bool = False
    freeze: str = ""
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_targets: str = "q_proj,v_proj"
    strategy: Strategy = "none"
    dropout: float = 0.1
    label_smoothing: float = 0.1
    num_beams: int | None = None
    length_penalty: float | None = None
    precision: Precision = "float32"
    weights_dtype: FileDtype = "float32"
    seed: int = 0

    def __post_init__(self):
        for name in (
            "batch_size",
            "max_source_length",
            "max_target_length",
            "epochs",
            "gradient_accumulation_steps",
            "eval_steps",
            "lora_rank",
            "lora_alpha",
            "max_grad_norm",
            "max_samples",
        ):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be positive")
        for name, choices in (
            ("precision", PRECISIONS),
            ("weights_dtype", FILE_DTYPES),
            ("strategy", STRATEGIES),
            ("on_error", ON_ERROR),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} must be one of {', '.join(choices)}"
                )
        unknown = [part for part in self.frozen_parts if part not in PARTS]
        if unknown:
            raise ValueError(f"freeze={self.freeze!r} must be some of {', '.join(PARTS)}")
        if self.lora_rank is None and self.lora_alpha is not None:
            raise ValueError("lora_alpha has no effect without lora_rank")
        if self.lora_rank is not None and self.frozen_parts:
            raise ValueError("freeze has no effect with lora_rank, which freezes everything else")
        if self.vocab_file and self.vocab_size is not None:
            raise ValueError("vocab_size has no effect with vocab_file")
        if self.model:
            given = [n for n in ("vocab_file", *FROM_SCRATCH) if getattr(self, n) is not None]
            if given:
                raise ValueError(
                    f"model and {given[0]} exclude each other: a model has its own vocabulary and "
                    "shape"
                )
        self._set_defaults()

    def _set_defaults(self):
        values = {} if self.model else {**FROM_SCRATCH, **GENERATION}
        rates = {} if self.model else LEARNING_RATES
        values["learning_rate"] = rates.get(self.optimizer, FINE_TUNING_RATE)
        for name, value in values.items():
            if getattr(self, name) is None:
                # The dataclass is frozen, but still being made.
                object.__setattr__(self, name, value)

    @property
    def frozen_parts(self) -> list[str]:
        """The parts not to train."""
        return [part.strip() for part in self.freeze.split(",") if part.strip()]
