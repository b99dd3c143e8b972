"""What a tokenizer returns."""

import optree


class BatchEncoding(dict):
    """A dict (`input_ids`, `attention_mask`, …) whose entries are attributes too.

    Keras and TensorFlow see the arrays inside: it goes into `fit`, `predict` and
    `tf.data.Dataset.from_tensor_slices` as it is, or into a call as `model(**encoding)`.
    """

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


optree.register_pytree_node(
    BatchEncoding,
    lambda encoding: (tuple(encoding.values()), tuple(encoding), tuple(encoding)),
    lambda names, values: BatchEncoding(zip(names, values, strict=True)),
    namespace="keras",
)
