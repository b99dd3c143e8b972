"""The settings of a pre-training run; importing this module does not import TensorFlow."""

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_type_hints

from tf_pegasus.data.records import ON_ERROR, OnError
from tf_pegasus.data.text_file import LAYOUTS
from tf_pegasus.pretraining.settings import PRESETS, SPLITTERS, PretrainingSettings
from tf_pegasus.training.config import (
    ModelArguments,
    TrainingArguments,
    check_choice,
    check_positive,
)

# Of the settings, those that are in the section `data`.
_LENGTHS = ("max_source_length", "max_target_length")
_PRESET = """
        preset: default, or authors, those with which the checkpoints were released; the flags
            below change some of its values.
        mlm_loss_weight: Weight of the loss of masked words."""


@dataclass(frozen=True)
class DocumentArguments:
    """The documents.

    Attributes:
        train_file: Text, JSONL, CSV, Parquet or TFRecord file of documents, or a pattern such as
            "crawl-*.txt.gz".
        validation_file: File or pattern like train_file; the saved weights are those with the
            lowest loss on it.
        text_column: Name of the documents' column; by default text.
        text_layout: What a document is in text files: lines up to the next blank one (blocks, the
            default), each line (lines), or the whole file (files).
        max_samples: Only so many documents of the training file are used; all if absent.
        on_error: What to do at a row that is damaged or lacks a text; skipped ones are counted.
        max_source_length: Longest input in tokens, including end of sequence.
        max_target_length: Longest target in tokens, including end of sequence.
    """

    train_file: str
    validation_file: str
    text_column: str | None = None
    text_layout: Literal[LAYOUTS] | None = None  # type: ignore[valid-type]
    max_samples: int | None = None
    on_error: OnError = "raise"
    max_source_length: int = 512
    max_target_length: int = 256

    def __post_init__(self):
        check_positive(self, *_LENGTHS, "max_samples")
        check_choice(self, "on_error", ON_ERROR)


@dataclass(frozen=True)
class PretrainedModelArguments(ModelArguments):
    label_smoothing: float = 0.0


PretrainedModelArguments.__doc__ = ModelArguments.__doc__


def _types():
    """Returns the type of each setting by name, as it is given on a command line."""
    hints = get_type_hints(PretrainingSettings)
    types: dict[str, Any] = {}
    for each in fields(PretrainingSettings):
        choices = each.metadata.get("choices")
        types[each.name] = Literal[choices] if choices else hints[each.name]
    types |= {"sentences": Literal[SPLITTERS], "stop_words": str}
    return {name: hint for name, hint in types.items() if name not in _LENGTHS}


def _objective_field(name):
    # --strategy is that of the devices.
    return field(default=None, metadata={"flag": "gap_sentences"} if name == "strategy" else {})


ObjectiveArguments = dataclasses.make_dataclass(
    "ObjectiveArguments",
    [
        ("preset", Literal[tuple(PRESETS)], field(default="default")),
        ("mlm_loss_weight", float, field(default=1.0)),
        *((name, hint | None, _objective_field(name)) for name, hint in _types().items()),
    ],
    frozen=True,
    namespace={"__doc__": str(PretrainingSettings.__doc__).replace("Args:", f"Args:{_PRESET}", 1)},
)


@dataclass(frozen=True)
class PretrainingArguments(TrainingArguments):
    """Settings of `pretrain`, in sections; the defaults pre-train a small model from scratch.

    Attributes:
        data, model, objective, lora, optimizer, validation, generation, run: the sections.

    Raises:
        ValueError: if a value is out of range or has no effect; the message names it.

    Example:
        >>> arguments = PretrainingArguments.from_flags(
        ...     train_file="documents.txt",
        ...     validation_file="others.txt",
        ...     output_dir="pre-trained",
        ...     gap_sentences="ind-uniq",
        ... )
    """

    data: DocumentArguments  # type: ignore[assignment]
    model: PretrainedModelArguments = field(default_factory=PretrainedModelArguments)
    objective: Any = field(default_factory=ObjectiveArguments)

    sections: ClassVar[dict[str, Any]] = {
        "data": DocumentArguments,
        "model": PretrainedModelArguments,
        "objective": ObjectiveArguments,
        **{n: s for n, s in TrainingArguments.sections.items() if n not in ("data", "model")},
    }

    def __post_init__(self):
        super().__post_init__()
        for name in ("metric", "rouge_samples"):
            if getattr(self.validation, name) not in ("val_loss", None):
                raise ValueError(
                    f"{name}={getattr(self.validation, name)!r} needs summaries, which documents "
                    "do not have: pre-training is validated by its loss"
                )
        # Fails early.
        _ = self.settings

    @property
    def settings(self) -> PretrainingSettings:
        """The `PretrainingSettings`."""
        given = {name: getattr(self.objective, name) for name in _types()}
        return PretrainingSettings.from_preset(
            self.objective.preset,
            **{name: value for name, value in given.items() if value is not None},
            **{name: getattr(self.data, name) for name in _LENGTHS},
        )
