"""Strings as inputs of `fit`, `evaluate` and `predict`, through a preprocessor."""

import inspect
import itertools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.layers.unpack_inputs import is_text
from tf_pegasus.tokenizers.preprocessor import PegasusPreprocessor, documents_and_summaries
from tf_pegasus.utils.files import read_json_object, write_json_atomically

_FILE = "preprocessor.json"
# As in `keras.Model.fit`.
_BATCH_SIZE = 32


class StringInputsMixin:
    """Adds `preprocessor`, which turns strings into ids before the model sees them.

    With a `PegasusPreprocessor`, the methods of `keras.Model` take strings: lists, arrays or
    tensors of documents and of summaries, or a `tf.data.Dataset` of batches of them. Ids are
    taken as before. Without one, strings raise TypeError.
    """

    preprocessor: PegasusPreprocessor | None = None

    def fit(self, x=None, y=None, *args, **kwargs):
        """See `keras.Model.fit`; with a `preprocessor`, `x` and `y` may be strings."""
        bound = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        size = given["validation_batch_size"] or given["batch_size"]
        if self._takes(x):
            if given["validation_split"] and given["validation_data"] is None:
                _split_off_validation(given)
            self._tokenize(given, given["shuffle"])
            # The rows are shuffled already, and Keras warns that it cannot shuffle a dataset.
            given["shuffle"] = False
        validation = keras.utils.unpack_x_y_sample_weight(given["validation_data"])
        if self._takes(validation[0]):
            given["validation_data"] = self._ids(_batches(*validation, size))
            given["validation_batch_size"] = None
        return super().fit(*bound.args[1:], **bound.kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """See `keras.Model.evaluate`; with a `preprocessor`, `x` and `y` may be strings."""
        bound = inspect.signature(keras.Model.evaluate).bind(self, x, y, *args, **kwargs)
        bound.apply_defaults()
        if self._takes(x):
            self._tokenize(bound.arguments, shuffle=False)
        return super().evaluate(*bound.args[1:], **bound.kwargs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """See `keras.Model.predict`; with a `preprocessor`, `x` may be strings.

        Pairs of documents and summaries, from a dataset or a dict with `document` and `summary`,
        are scored: the outputs have logits and loss, padded to the preprocessor's maximum lengths.
        Documents alone are summarized, with the model's generation configuration.

        Returns:
            The outputs; for documents alone, an array of str `(rows,)`.

        Raises:
            ValueError: if `callbacks` are given for documents alone, where they have no effect.
        """
        if not self._takes(x):
            return super().predict(x, batch_size, verbose, steps, callbacks)
        batches = _batches(x, None, None, batch_size)
        if not _has_summaries(batches.element_spec):
            if callbacks is not None:
                raise ValueError("callbacks have no effect where documents are summarized")
            return self._summaries(batches, verbose, steps)
        scored = self._ids(batches, full=True).map(_with_labels_inside)
        return super().predict(scored, None, verbose, steps, callbacks)

    def train_on_batch(self, x, y=None, sample_weight=None, *args, **kwargs):
        """See `keras.Model.train_on_batch`; with a `preprocessor`, also for strings."""
        return super().train_on_batch(*self._batch(x, y, sample_weight), *args, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, *args, **kwargs):
        """See `keras.Model.test_on_batch`; with a `preprocessor`, also for strings."""
        return super().test_on_batch(*self._batch(x, y, sample_weight), *args, **kwargs)

    def save_assets(self, directory):
        super().save_assets(directory)
        if self.preprocessor is not None:
            write_json_atomically(Path(directory) / _FILE, self.preprocessor.get_config())

    def load_assets(self, directory):
        super().load_assets(directory)
        if directory is not None and (Path(directory) / _FILE).is_file():
            config = read_json_object(Path(directory) / _FILE)
            self.preprocessor = PegasusPreprocessor.from_config(config)

    def _takes(self, x):
        """Whether `x` is strings, and there is a preprocessor for them."""
        return self.preprocessor is not None and _holds_text(x)

    def _tokenize(self, given, shuffle):
        """Replaces strings in the arguments of `fit` or `evaluate` by a dataset of ids."""
        x = given["x"]
        batches = _batches(x, given["y"], given["sample_weight"], given["batch_size"], shuffle)
        given["x"] = self._ids(batches)
        if not isinstance(x, tf.data.Dataset):
            given.update(y=None, sample_weight=None, batch_size=None)

    def _ids(self, batches, full=False):
        """Returns a dataset of ids of one of strings."""
        preprocessor = self._checked_preprocessor()

        @tf.autograph.experimental.do_not_convert
        def ids(*batch):
            return preprocessor(*batch, full=full)

        return batches.map(ids, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def _batch(self, x, y, sample_weight):
        """Returns `x`, `y` and `sample_weight` of a step as ids."""
        if not self._takes(x):
            return x, y, sample_weight
        batch = self._checked_preprocessor()(x, y, sample_weight)
        return keras.utils.unpack_x_y_sample_weight(batch)

    def _summaries(self, batches, verbose, steps):
        tokenizer = self._checked_preprocessor().tokenizer
        count = batches.cardinality() if steps is None else steps
        bar = keras.utils.Progbar(
            None if count < 0 else int(count), verbose=1 if verbose == "auto" else verbose
        )
        texts: list[str] = []
        for ids in itertools.islice(self._ids(batches), steps):
            sequences = self.generate(**ids, num_return_sequences=1, return_dict_in_generate=False)
            texts += [text.decode("utf-8") for text in tokenizer.detokenize(sequences).numpy()]
            bar.add(1)
        return np.array(texts, dtype=object)

    def _checked_preprocessor(self):
        """Returns the preprocessor.

        Raises:
            ValueError: if it makes ids or lengths that the model does not take.
            TypeError: if it is something else.
        """
        preprocessor, config = self.preprocessor, self.config
        needed = ("max_source_length", "max_target_length", "tokenizer")
        if not all(hasattr(preprocessor, name) for name in needed):
            raise TypeError(
                f"model.preprocessor={preprocessor!r} must be a PegasusPreprocessor, such as "
                "PegasusPreprocessor(model.tokenizer, 512, 128)"
            )
        for name in ("max_source_length", "max_target_length"):
            if getattr(preprocessor, name) > config.max_position_embeddings:
                raise ValueError(
                    f"preprocessor.{name}={getattr(preprocessor, name)} must not be above the "
                    f"model's max_position_embeddings={config.max_position_embeddings}"
                )
        size = preprocessor.tokenizer.vocabulary_size
        if size > config.vocab_size:
            raise ValueError(
                f"the preprocessor's tokenizer has {size} ids, more than the model's "
                f"vocab_size={config.vocab_size}: they do not belong together"
            )
        return preprocessor


def _holds_text(x):
    if not isinstance(x, tf.data.Dataset):
        return is_text(x)
    first, _, _ = keras.utils.unpack_x_y_sample_weight(x.element_spec)
    return is_text(first)


def _has_summaries(spec):
    return isinstance(spec, tuple) or (hasattr(spec, "keys") and "summary" in spec)


def _batches(x, y, sample_weight, batch_size, shuffle=False):
    """Returns a dataset of batches of strings; one that is a dataset already as it is.

    Raises:
        ValueError: if a dataset is not batched.
        TypeError: if `x` is one text, or not all of `x` and `y` are texts.
    """
    if isinstance(x, tf.data.Dataset):
        for spec in tf.nest.flatten(x.element_spec):
            if spec.shape.rank == 0:
                raise ValueError("x is a dataset of single texts: batch it, x.batch(8)")
        return x
    rows = keras.utils.pack_x_y_sample_weight(*_tensors(x, y, sample_weight))
    data = tf.data.Dataset.from_tensor_slices(rows)
    if shuffle:
        data = data.shuffle(len(data))
    return data.batch(batch_size or _BATCH_SIZE)


def _tensors(x, y, sample_weight):
    if isinstance(x, (str, bytes)):
        raise TypeError("x must be a list of texts, got one str: pass [text]")
    documents, summaries = documents_and_summaries(x, y)
    if summaries is not None and not is_text(summaries):
        raise TypeError("y must be texts, because x is texts")
    _check_texts("x", documents)
    _check_texts("y", summaries)
    lengths = {
        name: len(part)
        for name, part in (("x", documents), ("y", summaries), ("sample_weight", sample_weight))
        if part is not None
    }
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"there must be as many of each: {counts}")
    return [
        None if part is None else tf.convert_to_tensor(part)
        for part in (documents, summaries, sample_weight)
    ]


def _check_texts(name, texts):
    if not isinstance(texts, tf.Tensor) and texts is not None:
        for number, text in enumerate(texts):
            if not isinstance(text, (str, bytes)):
                raise TypeError(f"{name}[{number}] must be a text, got {text!r}")


def _split_off_validation(given):
    """Moves the last rows to `validation_data`, as Keras does."""
    share, rows = (
        given["validation_split"],
        _tensors(given["x"], given["y"], given["sample_weight"]),
    )
    count = int(len(rows[0]) * (1 - share))
    if not 0 < count < len(rows[0]):
        raise ValueError(
            f"validation_split={share!r} of {len(rows[0])} examples leaves none to train on, or "
            "none to validate with"
        )
    first, last = (
        [None if part is None else part[cut] for part in rows]
        for cut in (slice(count), slice(count, None))
    )
    given.update(zip(("x", "y", "sample_weight"), first, strict=True))
    given.update(validation_data=tuple(last), validation_split=0.0)


def _with_labels_inside(ids, labels, sample_weight=None):
    return {**ids, "labels": labels}
