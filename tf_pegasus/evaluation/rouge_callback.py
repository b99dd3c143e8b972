"""ROUGE on a validation sample after each epoch of `fit`."""

import itertools
from typing import Any

import keras

from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.evaluation.records import read_pairs
from tf_pegasus.evaluation.rouge import METRICS, RougeScorer
from tf_pegasus.summarization.summarize import summarize_texts
from tf_pegasus.utils.compat import current_callback_list
from tf_pegasus.utils.words import mean


class RougeCallback(keras.callbacks.Callback):
    """Summarizes a validation sample after each epoch, and logs the mean F1 in percent.

    The logs get `val_rouge1`, `val_rouge2`, `val_rougeL` and `val_rougeLsum`. Other callbacks of
    the same `fit` can monitor them wherever they are in the list, since this one moves to its
    beginning; a `mode` that is "auto" becomes "max", because more ROUGE is better.

    With `name`, they are `val_name_rouge1` and so on, for several samples in one `fit`.

    Args:
        records: files, or an iterable of dicts, see `tf_pegasus.data.readers.open_sources`.
        max_samples: int, number of records to summarize, the first ones; None takes all.
        document_column, summary_column: str, see `tf_pegasus.data.rows.Rows`.
        tokenizer: `PegasusTokenizer`; by default the model's.
        scorer: `RougeScorer`; by default `RougeScorer()`.
        batch_size: int, number of documents per batch.
        engine: str, see `generate`. `"xla"` is worth its time to compile for large samples.
        name: str, tells several callbacks of one `fit` apart.
        **options: see `generate`, such as `num_beams=2`, which is much faster than 8; by default
            the model's settings.

    Attributes:
        examples: list of `(document, reference, summary)` of the last evaluation.

    Raises:
        ValueError: if a record is invalid or there are none, or `max_samples` is not positive; in
            `fit`, if another `RougeCallback` has the same name.
        ImportError: if the extra `evaluate` or `train` is not installed.

    Example:
        >>> model.fit(
        ...     dataset,
        ...     epochs=10,
        ...     callbacks=[
        ...         RougeCallback("validation.jsonl", num_beams=2),
        ...         keras.callbacks.ModelCheckpoint(
        ...             "best.keras", monitor="val_rougeL", save_best_only=True
        ...         ),
        ...         keras.callbacks.EarlyStopping(monitor="val_rougeL", patience=2),
        ...     ],
        ... )
    """

    def __init__(
        self,
        records: Any,
        max_samples: int | None = 100,
        document_column: str | None = None,
        summary_column: str | None = None,
        tokenizer: Any = None,
        scorer: RougeScorer | None = None,
        batch_size: int = 16,
        engine: str = "graph",
        name: str | None = None,
        **options: Any,
    ):
        super().__init__()
        if max_samples is not None and max_samples < 1:
            raise ValueError(f"max_samples={max_samples!r} must be at least 1, or None")
        pairs = read_pairs(records, document_column, summary_column)
        self._documents, self._references = zip(*itertools.islice(pairs, max_samples), strict=True)
        self._name = name
        self.examples: list[tuple[str, str, str]] = []
        self._tokenizer = tokenizer
        self._scorer = scorer or RougeScorer()
        # Raises for what would fail only after the first epoch.
        GenerationConfig(**options)
        self._options = {"batch_size": batch_size, "engine": engine, **options}

    def set_model(self, model):
        super().set_model(model)
        # Before the first epoch, which may take hours.
        model.checked_tokenizer(self._tokenizer)

    def on_train_begin(self, logs=None):
        callbacks = current_callback_list(self)
        if callbacks is None:
            return
        others = [each for each in callbacks.callbacks if each is not self]
        if any(isinstance(each, RougeCallback) and each.names == self.names for each in others):
            raise ValueError(
                f"two RougeCallbacks would both log {self.names[0]}: give them different names"
            )
        # A new list, because Keras is in a loop over the old one.
        callbacks.callbacks = [self, *others]
        for each in others:
            if getattr(each, "monitor", None) in self.names and each.mode == "auto":
                each.mode = "max"

    @property
    def names(self) -> list[str]:
        """list of str, the names in the logs."""
        prefix = "val_" if self._name is None else f"val_{self._name}_"
        return [prefix + metric for metric in METRICS]

    def on_epoch_end(self, epoch, logs=None):
        scores = self.evaluate()
        if logs is not None:
            logs.update(scores)

    def evaluate(self) -> dict[str, float]:
        """Summarizes the sample; returns the means by the names in the logs."""
        summaries = summarize_texts(
            self.model,
            self.model.checked_tokenizer(self._tokenizer),
            self._documents,
            errors="keep",
            window=None,
            **self._options,
        )
        texts = [summary.text for summary in summaries]
        self.examples = list(zip(self._documents, self._references, texts, strict=True))
        scores = [
            self._scorer.score(text, reference)
            for text, reference in zip(texts, self._references, strict=True)
        ]
        return {
            name: 100 * mean(score[metric].fmeasure for score in scores)
            for name, metric in zip(self.names, METRICS, strict=True)
        }
