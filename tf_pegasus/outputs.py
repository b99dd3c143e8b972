"""What the models return: named outputs that are also ordered dicts and tuples."""

from collections import OrderedDict

import optree


class ModelOutput(OrderedDict):
    """Ordered mapping of outputs; entries that are None are left out.

    `output.logits`, `output["logits"]`, `output[0]` and `output.to_tuple()` all work. A
    declared field that was left out reads as None through its attribute. Keras (through
    `optree`) and TensorFlow (as a mapping) see the tensors inside.
    """

    fields = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        optree.register_pytree_node(
            cls,
            lambda output: (tuple(output.values()), tuple(output), tuple(output)),
            lambda names, values: cls(zip(names, values, strict=True)),
            namespace="keras",
        )

    def __init__(self, *args, **kwargs):
        values = dict(*args, **kwargs)
        unknown = [name for name in values if name not in self.fields]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {unknown[0]!r}")
        super().__init__()
        for name in self.fields:
            if values.get(name) is not None:
                self[name] = values[name]

    def __getattr__(self, name):
        if name in type(self).fields:
            return self.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getitem__(self, key):
        if isinstance(key, (int, slice)):
            return self.to_tuple()[key]
        return super().__getitem__(key)

    def to_tuple(self):
        """Returns the outputs that are present, in the order of `fields`."""
        return tuple(self.values())


class TFBaseModelOutput(ModelOutput):
    """Output of `TFPegasusEncoder` and `TFPegasusDecoder`.

    Fields:
        last_hidden_state: float32 `(batch, length, d_model)`.
    """

    fields = ("last_hidden_state",)


class TFSeq2SeqModelOutput(ModelOutput):
    """Output of `TFPegasusModel`.

    Fields:
        last_hidden_state: float32 `(batch, target_length, d_model)`, of the decoder.
        encoder_last_hidden_state: float32 `(batch, source_length, d_model)`.
    """

    fields = ("last_hidden_state", "encoder_last_hidden_state")


class TFSeq2SeqLMOutput(ModelOutput):
    """Output of `TFPegasusForConditionalGeneration`.

    Fields:
        loss: float32 scalar, present when labels were given.
        logits: float32 `(batch, target_length, vocab_size)`.
        encoder_last_hidden_state: float32 `(batch, source_length, d_model)`.
    """

    fields = ("loss", "logits", "encoder_last_hidden_state")


class GenerateOutput(ModelOutput):
    """Output of `generate(..., return_dict_in_generate=True)`.

    Fields:
        sequences: int32 `(batch * num_return_sequences, max_length)`, padded with pad.
        sequences_scores: float32 `(batch * num_return_sequences,)`, sum of the tokens'
            log-probabilities over length ** length_penalty.
    """

    fields = ("sequences", "sequences_scores")
