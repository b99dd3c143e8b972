"""The output of a tokenizer."""

from typing import Any

import optree


class BatchEncoding(dict):
    """A dict (`input_ids`, `attention_mask`, …) whose entries are also attributes.

    Keras and TensorFlow traverse the arrays inside, so it can be passed to `fit`, `predict` and
    `tf.data.Dataset.from_tensor_slices` directly, or to a call as `model(**encoding)`.
    """

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _flatten(encoding: Any) -> tuple[tuple, Any, tuple]:
    return tuple(encoding.values()), tuple(encoding), tuple(encoding)


def _unflatten(names: Any, values: Any) -> Any:
    return BatchEncoding(zip(names, values, strict=True))


optree.register_pytree_node(BatchEncoding, _flatten, _unflatten, namespace="keras")
