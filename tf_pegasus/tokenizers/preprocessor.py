"""Strings to the inputs of a model, in the graph."""

from typing import Any, Self

import keras
import tensorflow as tf

from tf_pegasus.tokenizers.in_graph_tokenizer import TFPegasusTokenizer
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.truncation import check_max_lengths


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusPreprocessor:
    """Turns documents and summaries into the inputs of a model, inside `tf.data`.

    A model with a `preprocessor` takes strings in `fit`, `evaluate` and `predict`.

    Args:
        tokenizer: `PegasusTokenizer` or `TFPegasusTokenizer`.
        max_source_length, max_target_length: int, longer sequences are truncated; with eos.

    Raises:
        TypeError: if the tokenizer is of another class.
        ValueError: if a length is less than 1.

    Example:
        >>> model.preprocessor = PegasusPreprocessor(model.tokenizer, 512, 128)
        >>> model.fit(documents, summaries, batch_size=8)
        >>> model.predict(documents)
    """

    def __init__(
        self,
        tokenizer: PegasusTokenizer | TFPegasusTokenizer,
        max_source_length: int,
        max_target_length: int,
    ):
        if isinstance(tokenizer, PegasusTokenizer):
            tokenizer = TFPegasusTokenizer.from_tokenizer(tokenizer)
        if not isinstance(tokenizer, TFPegasusTokenizer):
            raise TypeError(
                "tokenizer must be a PegasusTokenizer or TFPegasusTokenizer, got "
                f"{type(tokenizer).__name__}"
            )
        check_max_lengths(max_source_length, max_target_length)
        self.tokenizer = tokenizer
        self.max_source_length = max_source_length
        self.max_target_length = max_target_length
        # Thousands of ops, which each dataset would trace anew.
        self._truncated_ids = tf.function(
            lambda texts, limit: tokenizer.truncate(tokenizer.tokenize(texts), limit),
            input_signature=[tf.TensorSpec((None,), tf.string), tf.TensorSpec((), tf.int64)],
            autograph=False,
        )

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None, full: bool = False) -> Any:
        """Tokenizes a batch.

        Args:
            x: string `(batch,)`, the documents; or a dict with `document` and, to train,
                `summary`.
            y: string `(batch,)`, the summaries.
            sample_weight: float `(batch,)`.
            full: bool, whether to pad to the maximum lengths, otherwise to the longest of the
                batch.

        Returns:
            As `fit` takes it, `x`, `(x, y)` or `(x, y, sample_weight)`: a dict of int32
            `(batch, source_length)`, `input_ids` and `attention_mask`; and the labels, int32
            `(batch, target_length)`, padded with -100.

        Raises:
            ValueError: if a dict has other entries, or there are two of summaries.
        """
        documents, summaries = documents_and_summaries(x, y)
        ids = self._truncated_ids(documents, self.max_source_length)
        width = self.max_source_length if full else None
        inputs = {
            "input_ids": ids.to_tensor(
                self.tokenizer.special_tokens.pad_token_id, shape=(None, width)
            ),
            "attention_mask": tf.ones_like(ids).to_tensor(0, shape=(None, width)),
        }
        if summaries is None:
            return inputs
        width = self.max_target_length if full else None
        labels = self._truncated_ids(summaries, self.max_target_length)
        labels = labels.to_tensor(IGNORED_LABEL, shape=(None, width))
        return keras.utils.pack_x_y_sample_weight(inputs, labels, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, with the tokenizer as its own configuration."""
        return {
            "tokenizer": self.tokenizer.get_config(),
            "max_source_length": self.max_source_length,
            "max_target_length": self.max_target_length,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Creates it from what `get_config` returned."""
        return cls(**{**config, "tokenizer": TFPegasusTokenizer.from_config(config["tokenizer"])})


def documents_and_summaries(x: Any, y: Any) -> tuple[Any, Any]:
    """Returns documents, and summaries or None.

    Raises:
        ValueError: if `x` is a dict with other entries, or there are two of summaries.
    """
    if not hasattr(x, "keys"):
        return x, y
    unknown = set(x) - {"document", "summary"}
    if unknown or "document" not in x:
        raise ValueError(f"x has {sorted(x)}, expected 'document' and, to train, 'summary'")
    if y is not None and "summary" in x:
        raise ValueError("summaries were given twice, in x and as y")
    return x["document"], x.get("summary", y)
