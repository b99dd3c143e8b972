"""Loads an exported model in Python."""

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the tokenizer)

from tf_pegasus.serving.manifest import EXTRA, check, version_directory
from tf_pegasus.serving.warmup import WARMUP_FILE, read_warmup_requests


class ServedModel:
    """A loaded version of a model that `export_saved_model` wrote.

    Args:
        path: path of the version, or of the directory of versions, whose latest is loaded.

    Attributes:
        path: `Path` of the version.
        manifest: dict of the export's settings.
        signatures: sorted list of the signatures' names.

    Raises:
        FileNotFoundError: if there is no SavedModel, or a file of it is missing.
        ValueError: if a file was changed, or the model was exported by a newer TensorFlow.
    """

    def __init__(self, path):
        self.path = version_directory(path)
        self.manifest = check(self.path)
        try:
            self._loaded = tf.saved_model.load(str(self.path))
        except (tf.errors.OpError, OSError) as error:
            raise ValueError(f"{str(self.path)!r} cannot be loaded: {error}") from error
        self.signatures = sorted(self._loaded.signatures)
        generation = self.manifest["generation"]
        self._defaults = {
            "num_beams": tf.constant(generation["num_beams"]),
            "max_length": tf.constant(generation["max_length"]),
            "length_penalty": tf.constant(generation["length_penalty"], tf.float32),
        }

    def check_signature(self, signature):
        """Raises ValueError if the model has no such signature."""
        if signature not in self.signatures:
            raise ValueError(f"signature={signature!r} must be one of {', '.join(self.signatures)}")

    def call(self, signature="serving_default", **inputs):
        """Calls a signature.

        Args:
            signature: one of `signatures`.
            **inputs: the signature's inputs, see `export_saved_model`; str are encoded as UTF-8.

        Returns:
            dict of numpy arrays; strings are bytes.

        Raises:
            ValueError: if the signature or an input is unknown, or an input is missing or invalid.
        """
        self.check_signature(signature)
        function = self._loaded.signatures[signature]
        specs = function.structured_input_signature[1]
        given = {**{n: v for n, v in self._defaults.items() if n in specs}, **inputs}
        if set(given) != set(specs):
            raise ValueError(
                f"{signature} takes {', '.join(sorted(specs))}, got {', '.join(sorted(inputs))}"
            )
        try:
            tensors = {name: _tensor(value, specs[name].dtype) for name, value in given.items()}
            return {name: value.numpy() for name, value in function(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(f"{signature}: {error.message}") from error

    def warm_up(self):
        """Replays the export's warm-up requests, as TF Serving does; returns their number.

        Raises:
            ImportError: if `tensorflow-serving-api` is not installed.
        """
        count = 0
        for file in sorted((self.path / EXTRA).glob(f"{WARMUP_FILE}*")):
            for signature, inputs in read_warmup_requests(file):
                self.call(signature, **inputs)
                count += 1
        return count


def _tensor(value, dtype):
    if dtype == tf.string and not tf.is_tensor(value):
        value = np.array(
            [text.encode() if isinstance(text, str) else text for text in value], object
        )
    return tf.convert_to_tensor(value, dtype)
